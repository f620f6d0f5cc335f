import { memorySource } from '../bytes/memory.ts'
import { TersorError } from '../errors.ts'
import { read, readTensor } from '../formats/onnx/index.ts'
import type { Value } from '../model/runtime.ts'

/** One TensorProto file (`input_0.pb` of ONNX test data) as a value: read as the only initializer of an empty model. */
export async function decodeTensorProto(bytes: Uint8Array): Promise<Value & { readonly name?: string }> {
  const graph = field(5, bytes)
  const opset = field(8, Uint8Array.of(0x10, 17))
  const model = await read(memorySource(concat([Uint8Array.of(0x08, 8), field(7, graph), opset]), 'tensor'))
  const tensor = model.graph.initializers[0]
  if (!tensor) throw new TersorError('E_FORMAT', 'expected one TensorProto, found none')
  return { name: tensor.name, dtype: tensor.dtype, shape: tensor.shape, data: await readTensor(tensor) }
}

/** A length-delimited field: tag, length as a varint, bytes. */
function field(number: number, bytes: Uint8Array): Uint8Array {
  const head = [number * 8 + 2]
  let length = bytes.length
  while (length > 127) {
    head.push((length % 128) + 128)
    length = Math.floor(length / 128)
  }
  head.push(length)
  return concat([Uint8Array.from(head), bytes])
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
