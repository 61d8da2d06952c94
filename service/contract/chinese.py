"""The Chinese of the API's description and documentation, by the English that the code says."""

CHINESE = {
    # the operations
    "How many different key persons appear in exactly these files?": (
        "恰好在这些文件中，一共出现了多少个不同的关键人员？"
    ),
    "Files that are not indexed yet are indexed first, so the request may wait. A file without "
    "a face counts 0; the same file twice counts once. For long lists use POST.": (
        "尚未建立索引的文件会先建立索引，因此请求可能需要等待。没有人脸的文件计为 0；"
        "同一文件给出两次只算一次。文件很多时请用 POST。"
    ),
    "The same count, explained.": "同样的计数，并说明理由。",
    "Counts the files that have been read; `complete` and `files` say what is missing.": (
        "按已读取的文件计数；`complete` 和 `files` 会说明还缺什么。"
    ),
    "Counts and states for operators.": "供运维人员查看的数量和状态。",
    "LibraryStatus for Prometheus.": "供 Prometheus 采集的指标。",
    "Is the process alive?": "进程是否存活？",
    "Can it answer questions?": "现在能否回答请求？",
    "This description.": "本接口描述。",
    "This documentation, in Chinese and English.": "供人阅读的接口文档，有中文和英文。",
    "The web page.": "网页界面。",
    "A file of the page.": "网页所用的文件。",
    "A face's picture.": "一张人脸的图像。",
    "The photo that a face is on.": "人脸所在的照片。",
    "Where else in the library is this person?": "此人还出现在图库的哪些地方？",
    "Searches all faces of the library, the nearest first. Nearness alone decides; a count weighs "
    "all faces together.": (
        "在图库的全部人脸中查找，最近的在前。这里只看相差多远；计数则综合所有人脸来判断。"
    ),
    "The face that was asked about.": "所查询的人脸。",
    "How many faces of the library are nearer than that, listed or not.": (
        "图库中比该阈值更近的人脸有多少张，无论是否列出。"
    ),
    "The nearest of them, but for those in photos that are gone or were changed.": (
        "其中最近的人脸；照片已不在或已改变的除外。"
    ),
    "Its cosine distance from the face, 0 to 2.": "与该人脸的余弦距离，0 到 2。",
    "The threshold above which it is that near.": "阈值大于此值时才算这么近。",
    "The files that requests may name, newest first.": "可以查询的文件，最新的在前。",
    "Read failed files again.": "重新读取失败的文件。",
    "Upload a photo into the drop folder; 201 if it is new there.": (
        "把照片放进投放文件夹；若此前没有，返回 201。"
    ),
    "Send its bytes, as curl -T does. The type may be missing, application/octet-stream or the "
    "image's own.": (
        "请求体就是文件内容，与 curl -T 相同。"
        "类型可以省略，也可以是 application/octet-stream 或该图像的类型。"
    ),
    # the answers
    "the answer": "结果",
    "the request is malformed, or addressed to another host; `error` says what is wrong": (
        "请求格式有误，或 Host 不是本服务的名称；`error` 说明错在哪里"
    ),
    "a page of another site sent this": "请求来自其他网站的页面",
    "too many files have that name": "同名文件过多",
    "the Content-Length is missing": "缺少 Content-Length",
    "the body is no image": "请求体不是图像",
    "the disk is full": "磁盘已满",
    "the token is missing or wrong": "缺少令牌，或令牌不正确",
    "a file does not exist, or requests may not name it": "文件不存在，或不允许查询该文件",
    "this method is not allowed here": "此地址不支持该请求方法",
    "too many files or faces, or too large a body": "文件或人脸过多，或请求体过大",
    "the request head is too long; use POST": "请求头过长；请改用 POST",
    "a file exists but is no readable image": "文件存在，但不是可读取的图像",
    "the server failed; see its log": "服务器出错；请查看其日志",
    "not possible at present; if Retry-After is sent, ask again after that many seconds": (
        "暂时无法回答；如有 Retry-After，请在这么多秒之后再试"
    ),
    # the parameters and members
    "Path of an image file, relative to the drop folder or absolute below one of the configured "
    "folders; repeat it once for each image. The path of a folder stands for every photo below "
    "it.": (
        "图像文件的路径：相对于投放文件夹，或位于某个已配置文件夹之下的绝对路径；"
        "每个图像重复一次该参数。文件夹的路径代表其下的所有照片。"
    ),
    "Paths of the image files or folders, as in the parameter filepath; the list may also be "
    "called filepath.": "各图像文件或文件夹的路径，同参数 filepath；该列表也可以叫作 filepath。",
    "Always 1: a count was made.": "成功时恒为 1。",
    "Every file path as the caller gave it, order and duplicates kept.": (
        "调用方给出的每个文件路径，保持原样、顺序和重复。"
    ),
    "The threshold as the caller gave it; 0.2 if it gave none.": (
        "调用方给出的阈值原文；未给出时为 0.2。"
    ),
    "How many different key persons appear in these files.": "这些文件中不同关键人员的人数。",
    "The HTTP status once more; spelt like this.": "即 HTTP 状态码；键名就写作 cord。",
    "One sentence that names what is wrong.": "一句话，说明错在哪里。",
    "Always ok.": "恒为 ok。",
    "Always ready.": "恒为 ready。",
    "Files by state: waiting, read, failed, no photo.": (
        "各状态的文件数：等待读取、已读取、失败、不是照片。"
    ),
    "The model that answers use.": "作答所用的模型。",
    "The version of the model's profile: all profiles that count alike have the same.": (
        "模型参数的版本：计数方式相同的参数版本相同。"
    ),
    "Set if 0.2 does not mean here what it was measured to mean, as the library's own faces tell; "
    "null if it does, or if too little is known.": (
        "若从库中人脸看，0.2 在这里的含义与测量时不同，则给出；相同或所知太少时为 null。"
    ),
    "The estimated share of pairs of strangers here that 0.2 takes for one person.": (
        "估计 0.2 在这里会把多大比例的陌生人对当成同一个人。"
    ),
    "The share where 0.2 was measured.": "测量 0.2 时的比例。",
    "What is wrong, and the command that helps.": "问题所在，以及有用的命令。",
    "The vector index in memory: whether it is loaded, its faces, its rebuilds.": (
        "内存中的向量索引：是否已载入、人脸数、重建次数。"
    ),
    "The process that reads photos: its state and how it is doing.": (
        "读取照片的进程：状态和运行情况。"
    ),
    "The face's id; no other face ever has it.": "此人脸独有的编号。",
    "The files in the request whose content is this image.": "请求中内容就是该图像的文件。",
    "Left, top, right and bottom edge in pixels of the upright image.": (
        "左、上、右、下边界，单位为转正后图像的像素。"
    ),
    "How sure the detector is that this is a face.": "检测器认为这是人脸的把握。",
    "How sharp the face is; blurred ones are low.": "人脸的清晰度；模糊的人脸数值低。",
    "The ids of the two faces it joins.": "所连接的两张人脸的编号。",
    "Their cosine distance, 0 to 2.": "两者的余弦距离，0 到 2。",
    "The threshold above which they are linked.": "阈值大于此值时两者相连。",
    "Where the model was measured, at most this share of pairs of strangers was as close; null "
    "if not known.": "测量模型时，最多有这一比例的陌生人对相距这么近；未知时为 null。",
    "The faces that count as this person.": "算作此人的人脸。",
    "The links that join the faces: those that people said, then the closest first; one fewer "
    "than faces.": "把它们连在一起的连接：先是人工判断的，然后最近的在前；比人脸数少一条。",
    "The last of the links; null for a single face, and if people said all.": (
        "最后一条连接；只有一张人脸，或全部由人工判断时为 null。"
    ),
    "True if people said that the two faces are one person.": (
        "若人工判断这两张人脸是同一个人，则为 true。"
    ),
    "The ids of what people said about this face; missing if nobody did.": (
        "人工对此人脸所作判断的编号；没有判断时不出现。"
    ),
    "The largest distance between two of the faces.": "任意两张人脸间的最大距离。",
    "Reasons to doubt it: chained (faces far apart), same_photo (twice in one photo).": (
        "值得怀疑的理由：chained（人脸相差很大），same_photo（在同一张照片中出现两次）。"
    ),
    "Whether every file was read; if not, the count may still change.": (
        "是否所有文件都已读取；若否，人数还可能变化。"
    ),
    "The model that computed the faces.": "计算人脸特征的模型。",
    "The cosine distance that the threshold stands for.": "阈值所对应的余弦距离。",
    "The same as a cosine similarity.": "同一界限，以余弦相似度表示。",
    "The fewest and the most persons between a threshold a tenth lower and one a tenth higher; "
    "with supported, only both ends and the steps of the curve are tried.": (
        "阈值从降低一成到提高一成，人数最少和最多各是多少；supported 方式只看两端和曲线上的各点。"
    ),
    "The lowest and the highest threshold around this one with the same count; with supported, "
    "only the steps of the curve are tried.": (
        "当前阈值附近人数不变的最低和最高阈值；supported 方式只看曲线上的各点。"
    ),
    "Whether the question is larger than those on which counting was judged: 500 faces of 50 "
    "persons. Expect larger errors then.": (
        "问题是否超出计数效果测过的规模（50 人、500 张人脸）；超出时误差可能更大。"
    ),
    "The count at thresholds from 0 to 0.4 in small steps; with more than 10,000 faces only up "
    "to a tenth above the question's.": (
        "阈值从 0 到 0.4 逐步变化时的人数；超过一万张人脸时，只到所问阈值以上一成为止。"
    ),
    "The persons that were counted.": "计入的人员。",
    "Faces that were not counted, each with the reason.": "未计入的人脸，各附原因。",
    "Every file and what became of it; those in folders, too.": (
        "每个文件及其状态，包括文件夹中的文件。"
    ),
    "Every folder that was asked about.": "请求中的每个文件夹。",
    "How many photos are below it; `files` lists them, too.": (
        "其下有多少张照片；`files` 也会列出它们。"
    ),
    "Files that wait to be read.": "等待读取的文件数。",
    "Files whose faces are known.": "已知其中人脸的文件数。",
    "Files that could not be read.": "无法读取的文件数。",
    "The fewest.": "最少。",
    "The most.": "最多。",
    "A threshold.": "阈值。",
    "The count at this threshold.": "该阈值下的人数。",
    "Why it was not counted: small, improbable, cut off (too much of it is beyond the photo's "
    "edge), not the most prominent face, or not a person.": (
        "未计入的原因：太小、不像人脸、被照片边缘截断过多、不是最突出的，或不是人。"
    ),
    "The path as the caller gave it.": "调用方给出的路径。",
    "Whether it was counted, has no face that counts, waits, failed, is no photo or "
    "does not exist.": ("已计入、没有可计数的人脸、等待中、失败、不是照片，或不存在。"),
    "Why it failed or is no photo, or how to spell its name.": (
        "失败或不是照片的原因，或者名称应当如何书写。"
    ),
    "Why it failed or is no photo.": "失败或不是照片的原因。",
    "What is wrong with it although it was read.": "虽已读取，但文件有何问题。",
    "width of the upright photo in pixels; given if it has faces": (
        "转正后照片的宽度，单位像素；有人脸时才给出"
    ),
    "its height; boxes are in these pixels": "转正后照片的高度；人脸边框以此像素为单位",
    "A page of the list.": "列表的一页。",
    "The path to use in requests.": "提问时所用的路径。",
    "Whether it waits, was read, failed or is no photo.": "等待中、已读取、失败，或不是照片。",
    "how many of its faces count, by setting counted_faces; null: not known": (
        "按设置 counted_faces 计入的人脸数；null 表示尚不知道"
    ),
    "`after` of the next page; null: this is the last": "下一页的 `after`；null 表示这是最后一页",
    "A file's name, percent-encoded.": "文件名，做百分号编码。",
    "A face's id.": "人脸的编号。",
    "Paths of the files to read again.": "要重新读取的文件路径。",
    "True for all failed files.": "true 表示所有失败的文件。",
    "How many files will be read again.": "将重新读取的文件数。",
    "The photo's path, to use in requests.": "照片的路径，供提问使用。",
    # the report of ingest
    "running, restarting, or elsewhere when another command reads photos.": (
        "running、restarting；由另一个命令读取照片时为 elsewhere。"
    ),
    "How often it was started again.": "重新启动的次数。",
    "How old its report is.": "其报告距今的秒数。",
    "When it started, in seconds since 1970.": ("启动时间，自 1970 年起的秒数。"),
    "How often the clock was set by more than a few seconds.": ("系统时钟被拨动数秒以上的次数。"),
    "How it notices changes in the folders.": "如何发现文件夹中的变化。",
    "starting, inotify or polling.": ("starting、inotify 或 polling。"),
    "Whether it polls because inotify's limits are used up.": (
        "是否仅因 inotify 的限额用尽才改为轮询。"
    ),
    "How often the observer was started again.": "观察器重新启动的次数。",
    "How often events were lost; each time a scan found the changes.": (
        "事件丢失的次数；扫描会补上遗漏的变化。"
    ),
    "Rounds that failed and were tried again.": "失败后重试的轮数。",
    "What decoders are confined by here, which make the pictures of faces.": (
        "此处用什么限制解码器；人脸图片由它们生成。"
    ),
    "The version of Landlock; 0: none.": "Landlock 的版本；0 表示没有。",
    "Whether their system calls are filtered.": "是否过滤它们的系统调用。",
    "File descriptors that it uses, or null.": "它使用的文件描述符数，或 null。",
    "How many it may use, or null.": "它最多可用多少个，或 null。",
    "What its own decoders are confined by.": "它自己的解码器用什么限制。",
    "The kind of the last error, or null.": "最近一次错误的类型，或 null。",
    "Full scans of the folders.": "完整扫描文件夹的次数。",
    "When the last scan ended, in seconds since 1970.": (
        "上次扫描结束的时间，自 1970 年起的秒数。"
    ),
    "How long it took.": "上次扫描所用的秒数。",
    "Folders that are missing.": "不存在的文件夹数。",
    "Folders in which removals are held back.": "暂缓删除的文件夹数。",
    "Files whose removal is held back.": "暂缓删除的文件数。",
    "What it did since it started.": "启动以来所做的工作。",
    "Batches of files.": "批次数。",
    "Files that it dealt with.": "文件数。",
    "Images that were analysed; copies of known ones are not.": (
        "分析过的图像数；已知图像的副本不再分析。"
    ),
    "Faces that were found.": "找到的人脸数。",
    "Files that failed.": "失败的文件数。",
    "Files that are no photos, such as videos.": "不是照片的文件数，例如视频。",
    "Seconds in each stage, added up over all threads.": ("各阶段所用的秒数，为所有线程之和。"),
    # the page
    "Key-person counting: the API": "关键人员计数：接口文档",
    "Key-person counting": "关键人员计数",
    "The API": "接口文档",
    "关键人员计数: how many different people appear in exactly these photos? One GET request gives "
    "the answer; you need no client library. HEAD is answered wherever GET is.": (
        "关键人员计数：恰好在这些照片中，一共出现了多少个不同的人？一个 GET 请求即可得到答案，"
        "无需任何客户端库。凡是支持 GET 的地址也支持 HEAD。"
    ),
    "Copy": "复制",
    "Copied": "已复制",
    "Skip to the content": "跳到正文",
    "Language": "语言",
    "Contents": "目录",
    "Objects": "数据结构",
    "Address": "地址",
    "Token": "令牌",
    "This service asks for a token: send it as Authorization: Bearer TOKEN. The examples read it "
    "from the environment variable TOKEN.": (
        "本服务要求令牌：请以 Authorization: Bearer TOKEN 发送。示例从环境变量 TOKEN 读取。"
    ),
    "This service asks for none.": "本服务不要求令牌。",
    "Certificate": "证书",
    "It is self-signed. Get the file data/tls.crt from the operator and trust only that file.": (
        "证书是自签名的。请向运维人员索取文件 data/tls.crt，并且只信任它。"
    ),
    "For programs": "供程序读取",
    "A count is an estimate. Do not let it decide anything about a person.": (
        "计数只是估计。请勿据此对任何人作出决定。"
    ),
    "Needs a token.": "需要令牌。",
    "Body (JSON)": "请求体（JSON）",
    "Parameters": "参数",
    "Call it": "调用示例",
    "Answer": "结果",
    "Refusals": "错误",
    "Status": "状态码",
    "Meaning": "含义",
    "Name": "名称",
    "Type": "类型",
    "required": "必填",
    "Default: {}": "默认值：{}。",
    # the types
    "list of {}": "列表：{}",
    "string": "字符串",
    "integer": "整数",
    "number": "数字",
    "boolean": "布尔值",
    "object": "对象",
    "null": "null",
}
