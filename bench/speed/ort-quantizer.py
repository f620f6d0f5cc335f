"""onnxruntime's own quantizers on one file, as a user would call them: ort-quantizer.py nbits|dynamic IN OUT"""

import sys

kind, source, target = sys.argv[1:4]
if kind == 'nbits':
    import onnx
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    quantizer = MatMulNBitsQuantizer(onnx.load(source), block_size=32, is_symmetric=True)
    quantizer.process()
    quantizer.model.save_model_to_file(target, False)
else:
    from onnxruntime.quantization import quantize_dynamic

    quantize_dynamic(source, target, use_external_data_format=False)
