"""Run by a test under an X server: paint by OpenGL, take what the server shows, compare it with what raster paints."""

import sys

import numpy as np
from PySide6.QtGui import QGuiApplication, QImage, QPainter

from rtbci_stimulus import screen as screens
from rtbci_stimulus.frame import Frame
from rtbci_stimulus.painter import FramePainter
from rtbci_stimulus.paradigms import make
from rtbci_stimulus.scene import Picture
from rtbci_stimulus.timing import Measurement

SIZE = (640, 400)


def rgb(image: QImage) -> np.ndarray:
    plain = image.convertToFormat(QImage.Format.Format_RGB32)
    return np.frombuffer(plain.constBits(), np.uint8).reshape(plain.height(), plain.width(), 4)[..., 2::-1].astype(int)


def main() -> None:
    app = QGuiApplication(sys.argv)
    screens._SOFTWARE = ()  # an X server without a card paints OpenGL on the processor, which is refused otherwise
    picture = QImage(100, 100, QImage.Format.Format_RGB32)
    picture.fill(0xFF2266AA)
    painter = FramePainter(0.35, "bottom left", 0.06, lambda name: picture)
    window = screens.Screen(painter, app.primaryScreen(), SIZE, lambda: 0.0)
    assert window.surface.kind == "OpenGL", window.surface.name
    frames = [Frame(make("ssvep", {}).schedule(60.0, 1).steps[1].scene, 2, 60.0, 1.0), Frame((Picture("x", 0.5),))]
    frames += [Frame(step.scene) for step in make("motor-imagery", {}).schedule(60.0, 1).steps[1:3]]
    for number, frame in enumerate(frames):
        for _ in range(3):
            app.processEvents()
            window.surface.show(frame)
        expected = QImage(*SIZE, QImage.Format.Format_RGB32)
        brush = QPainter(expected)
        painter.paint(brush, *SIZE, frame)
        brush.end()
        seen = rgb(app.primaryScreen().grabWindow(window.window.winId()).toImage())
        differing = np.abs(seen - rgb(expected)).max(axis=2) > 24  # edges are smoothed in another way
        assert seen.shape == rgb(expected).shape
        assert differing.mean() < 0.01, f"frame {number}: {100 * differing.mean():.1f} % of the pixels differ"
        assert seen.std() > 1.0
    measurement = Measurement(40)
    window.run(measurement, None)
    assert measurement.done
    window.close()
    print("the same")


if __name__ == "__main__":
    main()
