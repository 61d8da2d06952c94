"""Decodes one small image of each format, since a confined process can import nothing later."""

from base64 import b85decode
from contextlib import suppress
from io import BytesIO

from PIL import Image

from index.base.errors import UnreadableImageError
from index.base.image_formats import AVIF, BMP, FORMATS, GIF, HEIC, ImageFormat
from ingest.decoding import pixels, sizes
from ingest.decoding.openers import ORIENTATION

# 40 x 20 black pixels, in base 85; to encode them here would start threads and take long
_MADE_BEFORE = {
    HEIC: (
        b"0000SW^{RQXk}?*00000ZE0pPXk}?*ZE0a<0004KZDn*}000000000XXk=`10000000000aA{+70000000000000"
        b"0000000B57=IV*mgE07O6l0RRC200001i~s=u00000001HY001LtX>Mi!000000RR916=`l}WdZ;I000310BCk&F"
        b"#rGn01j|zbZr0t000010002!X>f9I0002VX>en20001WXm(>m0RwOV0058x000009`FGC{rLC*01pFT0096PKmiN"
        b"^|NjGU00093kN^M!000939=ZZRVE_RDDMA4O18@KU0|1Z!00RI30{|YNAb|yz>aLpR;31&EfB*mtfB*mk0EA)y0R"
        b"RR>0l{;@i2wiq6lrsCWdHyG00000KmY&$KmY&$C}V74Z~y=RC;$Ke0RR916aWAK0ssI1=l}o!0{{R2)Bpeg0ssI2"
        b"5O8UDX#fBK00RgJ2mk;87in;9VE_OC000000RRC6fdT}B0000gZDe6|0000UC;_hp5)w?{`UAb^{^&l4S%9y*Wmu"
        b"z`Tws$^w}1"
    ),
    AVIF: (
        b"0000WW^{RQVRmU|00000VRmU|ZE0pPZE0a<O+hh20002%ZDn*}000000000XXk=`10000000000aA{+700000000"
        b"0000000000004sdC7Z2$lO000310016oY;R)#0000)000310RR910RR926951JBLDyZC~0YKW&i*H00031000_kZ"
        b"f0cy000000RRADb}%tRZ)|UJ00000YH4tCZ~y=ROKEUpZvX%Q6lrsCWdHyG00000C;$Ke6aWAK5O8UDX#fBK00Rg"
        b"J2mk;83}JRLLxBJc000006Ju{|a&BX6cmM$a4FCp!0000NX>e^}0000000001009I60)qqq001j(WMOm?0162h6("
        b"^fS1T-2DG87;8hlLg2|Nr8^007*m!39{f%Af"
    ),
}


def warm_up() -> None:
    """Decode whole and cut off samples of every format."""
    for kind in FORMATS:
        data = _sample(kind)
        pixels.decode(data, 1)
        with suppress(UnreadableImageError):
            pixels.decode(data[: len(data) // 2], 1)


def _sample(kind: ImageFormat) -> bytes:
    if kind in _MADE_BEFORE:
        return b85decode(_MADE_BEFORE[kind])
    exif = Image.Exif()
    exif[ORIENTATION] = pixels.ON_ITS_SIDE[0]
    stream = BytesIO()
    image = Image.new("RGB", (2 * sizes.MIN_EDGE_PX, sizes.MIN_EDGE_PX))
    image.save(stream, kind.decoder, **({} if kind in {BMP, GIF} else {"exif": exif}))
    return stream.getvalue()
