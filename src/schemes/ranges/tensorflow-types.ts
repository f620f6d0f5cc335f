/** Types of `tf.quantization.quantize`, without TensorFlow's q. */
export type TensorflowType = 'uint8' | 'int8' | 'uint16' | 'int16'

export function tensorflowCodes(type: TensorflowType): { readonly low: number; readonly high: number } {
  switch (type) {
    case 'uint8':
      return { low: 0, high: 255 }
    case 'int8':
      return { low: -128, high: 127 }
    case 'uint16':
      return { low: 0, high: 65535 }
    case 'int16':
      return { low: -32768, high: 32767 }
  }
}

/** `std::numeric_limits<float>::max()`. */
export const GREATEST_F32 = 3.4028234663852886e38
