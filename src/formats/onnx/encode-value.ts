import type { Dimension, ValueInfo } from '../../model/graph.ts'
import { decodeDimension, decodeType } from './decode-value.ts'
import type { FieldCursor } from './fields.ts'
import { wireOf } from './image.ts'
import { dropSlot, intSlot, messageSlot, textSlot, writeNested } from './slots.ts'
import type { Slot } from './template.ts'
import { writeMessage, writeVerbatim } from './template.ts'
import { DIMENSION, factsOf, SHAPE, TENSOR_TYPE, TYPE, VALUE_INFO } from './types.ts'
import type { WireWriter } from './writer.ts'

export function encodeValue(writer: WireWriter, value: ValueInfo): void {
  writeMessage(writer, wireOf(value.carrier), [textSlot(VALUE_INFO.name, value.name), typeSlot(value)])
}

/** A type that is not a tensor has no dtype here and stays as it is. */
function typeSlot(value: ValueInfo): Slot {
  const isKept = (old: FieldCursor): boolean =>
    value.dtype === undefined && decodeType(old.message()).dtype === undefined
  if (value.dtype === undefined) return { ...dropSlot(VALUE_INFO.type), keeps: isKept }
  return messageSlot(VALUE_INFO.type, (writer, old) => writeType(writer, value, old))
}

function writeType(writer: WireWriter, value: ValueInfo, old: FieldCursor | undefined): void {
  const template = old !== undefined && decodeType(old.message()).isTensor ? old.message() : undefined
  writeMessage(writer, template, [
    messageSlot(TYPE.tensorType, (_, oldTensor) =>
      writeMessage(writer, oldTensor?.message(), [
        intSlot(TENSOR_TYPE.elemType, factsOf(value.dtype as NonNullable<typeof value.dtype>).code, false),
        value.shape === undefined
          ? dropSlot(TENSOR_TYPE.shape)
          : messageSlot(TENSOR_TYPE.shape, (_writer, oldShape) =>
              writeMessage(writer, oldShape?.message(), [dimensionsSlot(value.shape as readonly Dimension[])]),
            ),
      ]),
    ),
  ])
}

function dimensionsSlot(shape: readonly Dimension[]): Slot {
  return {
    key: SHAPE.dim,
    count: shape.length,
    write(writer, from, to, old) {
      for (let index = from; index < to; index++) {
        writeDimension(writer, shape[index] as Dimension, index === from ? old : undefined)
      }
    },
  }
}

function writeDimension(writer: WireWriter, dimension: Dimension, old: FieldCursor | undefined): void {
  if (old !== undefined && decodeDimension(old.message()) === dimension) {
    writeVerbatim(writer, old.image, old.start, old.end)
    return
  }
  writeNested(writer, SHAPE.dim, old, () =>
    writeMessage(writer, old?.message(), [
      typeof dimension === 'number' ? intSlot(DIMENSION.value, dimension, false) : dropSlot(DIMENSION.value),
      typeof dimension === 'string' ? textSlot(DIMENSION.param, dimension, false) : dropSlot(DIMENSION.param),
    ]),
  )
}
