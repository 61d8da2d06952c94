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
    "Counts the files that have been read; `complete` and `files` say what is missing. With a "
    "`limit` it lists a page of each of the lists persons, files and left_out; all else is about "
    "the whole question.": (
        "按已读取的文件计数；`complete` 和 `files` 会说明还缺什么。给出 `limit` 时，"
        "persons、files 和 left_out 各列出一页；其余内容都针对整个问题。"
    ),
    "Who is in both of two lists of files, and who only in one?": (
        "两组文件中，哪些人两组都有，哪些人只在其中一组？"
    ),
    "Counts both lists as one question, so a person is one person in both and the numbers agree. "
    "min_photos counts the photos of both lists together.": (
        "两组作为一个问题一起计数，因此同一个人在两组中是同一个人，各项人数相互一致。"
        "min_photos 按两组照片合计。"
    ),
    "Who is in the whole library?": "整个图库中有哪些人？",
    "The persons of all photos, the most photographed first. They are counted in the background "
    "while nothing else is to be done, and kept until photos change; `state` says how far that "
    "is, `as_of` which change of the library the persons are of.": (
        "所有照片中的人，照片最多的在前。没有其他工作时在后台计数，并保留到照片变化为止；"
        "`state` 说明进展，`as_of` 说明这些人对应图库的哪次变化。"
    ),
    "off (setting library_people), waiting for more urgent work, counting, current, or refused, "
    "with the problem.": (
        "off（设置 library_people）、waiting（等待更紧急的工作）、counting（正在计数）、"
        "current（最新），或 refused（无法计数，另附原因）。"
    ),
    "The count under way: its faces, the rounds of its proof, the seconds so far; null if there "
    "is none.": "正在进行的计数：人脸数、验证轮数、已用秒数；没有时为 null。",
    "Why the persons of the present photos cannot be counted; else null.": (
        "现有照片中的人为何无法计数；否则为 null。"
    ),
    "The threshold of the count.": "计数所用的阈值。",
    "Which change of the library the persons are of, and when they were counted, in seconds since "
    "1970; null before the first count.": (
        "这些人对应图库的哪次变化，以及何时计数（自 1970 年起的秒数）；首次计数之前为 null。"
    ),
    "How many different persons there are in the library.": "图库中不同人员的人数。",
    "How many faces counted.": "计入了多少张人脸。",
    "How many different photos there were.": "当时有多少张不同的照片。",
    "A page of the persons, the most photographed first.": "一页人员，照片最多的在前。",
    "In how many different photos the person is.": "此人出现在多少张不同的照片中。",
    "How many faces count as this person.": "有多少张人脸算作此人。",
    "Some of them, without those in photos that are gone or were changed.": (
        "其中一些人脸；照片已不在或已改变的除外。"
    ),
    "`offset` of the next page; null: this is the last.": (
        "下一页的 `offset`；null 表示这是最后一页。"
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
    "Where else in the library are the persons of a photo?": (
        "一张照片中的人还出现在图库的哪些地方？"
    ),
    "The same search for each face of one photo that counts. A photo that is not indexed yet is "
    "indexed first; upload others with PUT /files/NAME.": (
        "对一张照片中每张计入的人脸作同样的查找。尚未建立索引的照片会先建立索引；"
        "其他照片请先用 PUT /files/NAME 上传。"
    ),
    "Path of one image file, relative to the drop folder or absolute below one of the configured "
    "folders.": "一个图像文件的路径：相对于投放文件夹，或位于某个已配置文件夹之下的绝对路径。",
    "The faces of the photo that count.": "照片中计入的人脸。",
    "One of them.": "其中一张。",
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
    "What people said about faces, newest first.": "人工对人脸所作的判断，最新的在前。",
    "Say that two faces are the same person, that they are different, or that one is not a "
    "person.": "判断两张人脸是同一个人、不是同一个人，或者某张人脸不是人。",
    "All are added or none. They hold in every later count. A judgement that is there already is "
    "not added twice. A token needs the scope judge.": (
        "要么全部添加，要么一条也不添加；此后每次计数都遵从。已有的判断不会重复添加。"
        "令牌需要 judge 权限。"
    ),
    "It is kept, with when and by whom it was undone. A token needs the scope judge.": (
        "判断会保留，并注明何时由谁撤销。令牌需要 judge 权限。"
    ),
    "Undo a judgement.": "撤销一条判断。",
    "there is no such face": "没有这张人脸",
    "earlier judgements, which `error` names, contradict one of these": (
        "与已有的判断矛盾；`error` 指出是哪些"
    ),
    "there is no such judgement": "没有这条判断",
    "it was undone already": "此判断已被撤销",
    "A judgement's id.": "判断的编号。",
    "The judgement's id; no other judgement ever has it.": "此判断独有的编号。",
    "What was said: the faces are the same person, they are different persons, or the face is not "
    "a person.": ("判断的内容：same 为同一个人，different 为不同的人，not_a_person 为不是人。"),
    "Whether it holds, holds but no longer finds its face (lost), or was undone.": (
        "holds 为有效，lost 为有效但找不到其人脸，undone 为已撤销。"
    ),
    "The faces that it is about.": "所判断的人脸。",
    "The face's id at present; null if the library does not have it.": (
        "该人脸目前的编号；图库中没有时为 null。"
    ),
    "The files that hold its photo.": "内容为该照片的文件。",
    "SHA-256 of the photo, by which the face is known.": "照片的 SHA-256，人脸据此识别。",
    "Where it was in the photo when it was first judged.": "首次判断时人脸在照片中的位置。",
    "When it was said, in seconds since 1970.": "作出判断的时间，自 1970 年起的秒数。",
    "The name of the token that sent it.": "发送者所用令牌的名称。",
    "What the caller noted.": "调用方的备注。",
    "When it was undone, and by which token.": "何时、由哪个令牌撤销。",
    "When, in seconds since 1970.": "时间，自 1970 年起的秒数。",
    "The name of the token.": "令牌的名称。",
    "What to add, all or none.": "要添加的判断，要么全部，要么一条也不。",
    "What to say: the faces are the same person, they are different persons, or the face is not a "
    "person.": "判断：same 为同一个人，different 为不同的人，not_a_person 为不是人。",
    "The ids of two faces; of one for not_a_person.": ("两张人脸的编号；not_a_person 只需一张。"),
    "A text of your own, up to 500 characters; no names of persons.": (
        "自定备注，最多 500 字；请勿写人名。"
    ),
    "The judgements, in the order of the request.": "各条判断，与请求的顺序相同。",
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
    "Paths of the image files or folders of the first list, as in the parameter filepath.": (
        "第一组图像文件或文件夹的路径，同参数 filepath。"
    ),
    "The same for the second list; both together are limited like one question.": (
        "第二组，同上；两组合计受与一个问题相同的限制。"
    ),
    "The first list as the caller gave it.": "调用方给出的第一组。",
    "The second list as the caller gave it.": "调用方给出的第二组。",
    "How many different persons appear in both lists together.": "两组合计有多少个不同的人。",
    "How many of them appear in the first list.": "其中出现在第一组的人数。",
    "How many of them appear in the second list.": "其中出现在第二组的人数。",
    "How many of them appear in both.": "其中两组都出现的人数。",
    "How many of them appear only in the first.": "其中只出现在第一组的人数。",
    "How many of them appear only in the second.": "其中只出现在第二组的人数。",
    "Every person; those in both lists come first, then those only in the first.": (
        "每个人；两组都有的在前，其次是只在第一组的。"
    ),
    "Where the person appears: both, a or b.": "此人出现在哪里：both（两组）、a 或 b。",
    "The person's faces in photos of the first list.": "此人在第一组照片中的人脸。",
    "The person's faces in photos of the second list.": "此人在第二组照片中的人脸。",
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
    "How the library came to count by that profile.": "库为何按这套参数计数。",
    "Whether it is the one that comes with the model.": "是否为模型自带的参数。",
    "Who chose it last: the operator, or ingest by itself; null if nobody.": (
        "最后由谁选定：operator（管理员）或 ingest（读取进程自动）；无人选定时为 null。"
    ),
    "How many faces the library held then; null if nobody chose.": (
        "当时库中的人脸数；无人选定时为 null。"
    ),
    "What came of it, in words; null if nobody chose.": "结果如何，用文字说明；无人选定时为 null。",
    "Other models whose calibration is kept for a return to them.": (
        "保留了校准结果、可供日后换回的其他模型。"
    ),
    "What to do after a change of the model; null if nothing.": (
        "更换模型后该做什么；无事可做时为 null。"
    ),
    "The vectors in memory: whether loaded, how many, whether all; rebuilds.": (
        "内存中的向量：是否已载入、数量、是否为全部；索引重建次数。"
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
    "At most this share of pairs of strangers is as close: as it was measured where the profile "
    "comes from, or estimated if the library was calibrated without labels; null if not known.": (
        "最多有这一比例的陌生人对相距这么近：为参数来源处的测量值；"
        "若库是不用标注校准的，则为估计值；未知时为 null。"
    ),
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
    "Where the count is least sure, up to ten pairs of faces, the most doubtful first: what to "
    "look at, and to judge.": "最没有把握之处：最多十对人脸，最可疑的在前，供查看和判断。",
    "The ids of two faces, each from the middle of a group.": (
        "两张人脸的编号，各取自一组人脸的中间。"
    ),
    "Whether the two groups were counted as one person.": "这两组是否计为同一个人。",
    "The threshold above which they are one.": "阈值大于此值时两组为同一个人。",
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
    "What a second model says of the same photos; given if the library was indexed with "
    "reindex --beside.": "第二个模型对同样照片的看法；用 reindex --beside 索引过才给出。",
    "The second model.": "第二个模型。",
    "How many persons it counts; null if it did not count.": "它数出的人数；没有计数时为 null。",
    "Photos that it has not read yet; it counts without them.": (
        "它尚未读取的照片数；计数时不含这些照片。"
    ),
    "Persons of this answer whom it takes for several: the ids of their faces, as it parts them.": (
        "本答案中被它看作几个人的人：他们人脸的编号，按它的分法列出。"
    ),
    "Persons of this answer whom it takes for one: the ids of each one's faces.": (
        "本答案中被它看作同一人的几个人：各人人脸的编号。"
    ),
    "Why it did not count.": "没有计数的原因。",
    "A page of the list.": "列表的一页。",
    "The path to use in requests.": "提问时所用的路径。",
    "Whether it waits, was read, failed or is no photo.": "等待中、已读取、失败，或不是照片。",
    "how many of its faces count, by setting counted_faces; null: not known": (
        "按设置 counted_faces 计入的人脸数；null 表示尚不知道"
    ),
    "`after` of the next page; null: this is the last": "下一页的 `after`；null 表示这是最后一页",
    "`offset` of the next page; null: this is the last; missing without a `limit`": (
        "下一页的 `offset`；null 表示这是最后一页；未给出 `limit` 时没有此项"
    ),
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
    "Whether a process that gives signs of life watches the folders.": (
        "是否有存活的进程在监视文件夹。"
    ),
    "The processes at work on the library, on all machines; lost ones for a day.": (
        "所有机器上正在使用该照片库的进程；失联的进程保留一天。"
    ),
    "Tells it from all others; new at each start.": "用以区别于其他进程；每次启动都不同。",
    "The command: serve, serve --no-ingest, watch, work, scan, ingest or reindex; the ingest "
    "process of serve is a watch.": (
        "启动它的命令：serve、serve --no-ingest、watch、work、scan、ingest 或 reindex；"
        "serve 启动的读取照片的进程算作 watch。"
    ),
    "The name of its machine.": "所在机器的名称。",
    "Tells the data folders of one machine apart.": "用以区分同一台机器上的数据文件夹。",
    "The version of its program.": "其程序的版本。",
    "answers, watches, works, stands_by or sees_no_photos.": (
        "answers（回答问题）、watches（监视文件夹）、works（读取照片）、stands_by（待命）"
        "或 sees_no_photos（看不到照片）。"
    ),
    "How long ago it gave its last sign of life; it gives one every 15 seconds.": (
        "距其上次报告存活的秒数；它每 15 秒报告一次。"
    ),
    "Whether that is more than a minute ago.": "是否已超过一分钟。",
    "Files whose photo it has stored since it started.": "自启动以来存入其照片的文件数。",
    "Faces that it has stored since.": "自启动以来存入的人脸数。",
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
