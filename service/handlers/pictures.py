"""Serves pictures for people: the crop of a face, and its photo."""

from http import HTTPStatus

from index.base.errors import RequestError
from index.library.picture_orders import order_for
from service.contract.addresses import PREFIX, SUFFIX
from service.handlers.base import BaseHandler

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",  # tokens or not, no other page may embed faces
    "Referrer-Policy": "no-referrer",
}
FACE = PREFIX + "faces/(?P<face>[1-9][0-9]{0,17})"


class FaceHandler(BaseHandler):
    """A face, cut out with a margin."""

    ROUTE = FACE + r"\.jpg" + SUFFIX
    WHOLE = False

    async def get(self, face: str) -> None:
        """Answer with a JPEG. Each request looks the face up: forgotten ones are gone at once."""
        number, database, roots = int(face), self.database, self.roots
        order = await self.answerer.run(
            lambda: order_for(database, roots, number, whole=self.WHOLE)
        )
        picture = None if order is None else await self.pictures.make(order)
        if order is None or picture is None:
            raise RequestError(HTTPStatus.NOT_FOUND, "there is no such picture")
        for name, value in HEADERS.items():
            self.set_header(name, value)
        self.set_header("X-Photo-Width", str(order.size[0]))
        self.set_header("X-Photo-Height", str(order.size[1]))
        self.send_bytes(picture, "image/jpeg")


class PhotoHandler(FaceHandler):
    """The photo that a face is on, upright and no larger than a screen."""

    ROUTE = FACE + r"/photo\.jpg" + SUFFIX
    WHOLE = True

    async def get(self, face: str) -> None:
        """Answer with a JPEG; the headers give the full photo's size, in whose pixels boxes are."""
        await super().get(face)
