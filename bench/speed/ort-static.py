"""onnxruntime's static quantizer on a folder of photos, as a user would call it: ort-static.py IN OUT PHOTOS [MinMax|Percentile|Entropy]

Centre crop of 224 pixels, values -1 to 1; prints seconds without the start of Python."""

import glob
import sys
import time

import numpy as np
from PIL import Image

source, target, photos = sys.argv[1:4]
method = sys.argv[4] if len(sys.argv) > 4 else 'MinMax'
start = time.time()

from onnxruntime.quantization import (  # noqa: E402
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)


class Photos(CalibrationDataReader):
    def __init__(self):
        self.paths = iter(sorted(glob.glob(photos + '/*')))

    def get_next(self):
        path = next(self.paths, None)
        if path is None:
            return None
        image = Image.open(path).convert('RGB')
        left, top = (image.width - 224) // 2, (image.height - 224) // 2
        pixels = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32)
        return {'input': (pixels.transpose(2, 0, 1)[None] / 127.5 - 1).astype(np.float32)}


quantize_static(
    source,
    target,
    Photos(),
    quant_format=QuantFormat.QDQ,
    per_channel=True,
    activation_type=QuantType.QUInt8,
    weight_type=QuantType.QInt8,
    calibrate_method=CalibrationMethod[method],
)
print(time.time() - start)
