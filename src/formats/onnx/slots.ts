import type { FieldCursor } from './fields.ts'
import type { WireMessage } from './image.ts'
import type { Slot } from './template.ts'
import { writeMessage } from './template.ts'
import { encodeText } from './text.ts'
import { BYTES, ENTRY } from './types.ts'
import type { WireWriter } from './writer.ts'

// The kinds of fields that messages are made of, each knowing how to keep the spelling of the field it replaces.

/** `implied`: left out where the template has no such field, or nothing to replace. */
export function textSlot(key: number, text: string, implied = text === ''): Slot {
  return {
    key,
    count: 1,
    implied,
    single: true,
    write: (writer, _from, _to, old) => writeBytes(writer, key, encodeText(text), old),
  }
}

/** '' and 'ai.onnx' name the same operators; a file keeps the spelling it has. */
export function domainSlot(key: number, domain: string): Slot {
  return {
    ...textSlot(key, domain),
    write(writer, _from, _to, old) {
      const isSame = domain === '' && old?.text() === 'ai.onnx'
      writeBytes(writer, key, encodeText(isSame ? 'ai.onnx' : domain), old)
    },
  }
}

export function textsSlot(key: number, texts: readonly string[]): Slot {
  return manySlot(key, texts.length, (writer, index, old) => writeBytes(writer, key, encodeText(at(texts, index)), old))
}

export function intSlot(key: number, value: number | bigint, implied: boolean): Slot {
  return {
    key,
    count: 1,
    implied,
    single: true,
    write: (writer, _from, _to, old) => writeInt(writer, key, value, old),
  }
}

export function floatSlot(key: number, value: number, implied: boolean): Slot {
  return {
    key,
    count: 1,
    implied,
    single: true,
    write(writer, _from, _to, old) {
      writer.varint(key, old?.keyWidth)
      writeFloat(writer, value, old?.float(), old?.bytes())
    },
  }
}

/** A message that occurs at most once. */
export function messageSlot(key: number, write: (writer: WireWriter, old: FieldCursor | undefined) => void): Slot {
  return {
    key,
    count: 1,
    write: (writer, _from, _to, old) => writeNested(writer, key, old, () => write(writer, old)),
  }
}

/** Messages, each written from its noun's own carrier, not from the one at the same place. */
export function messagesSlot<T>(key: number, items: readonly T[], write: (writer: WireWriter, item: T) => void): Slot {
  return manySlot(key, items.length, (writer, index, old) =>
    writeNested(writer, key, old, () => write(writer, at(items, index))),
  )
}

export function dropSlot(key: number, packedKey?: number): Slot {
  return packedKey === undefined ? { key, count: 0, write() {} } : { key, packedKey, count: 0, write() {} }
}

export function intsSlot(key: number, packedKey: number, values: readonly (number | bigint)[]): Slot {
  return {
    key,
    packedKey,
    count: values.length,
    span: (old) => (old.key === packedKey ? countVarints(old.bytes()) : 1),
    write(writer, from, to, old) {
      if (old?.key !== packedKey) {
        for (let index = from; index < to; index++) {
          writeInt(writer, key, at(values, index), index === from ? old : undefined)
        }
        return
      }
      writePacked(writer, old, () => {
        const cursor = old.over()
        for (let index = from; index < to; index++) {
          const value = at(values, index)
          if (cursor.remaining > 0) cursor.varint()
          else cursor.width = 0
          writer.int64(value, cursor.width > 0 && sameInt(cursor.signed(), value) ? cursor.width : 0)
        }
      })
    },
  }
}

export function floatsSlot(key: number, packedKey: number, values: readonly number[]): Slot {
  return {
    key,
    packedKey,
    count: values.length,
    span: (old) => (old.key === packedKey ? old.byteLength / 4 : 1),
    write(writer, from, to, old) {
      if (old?.key !== packedKey) {
        for (let index = from; index < to; index++) {
          const first = index === from ? old : undefined
          writer.varint(key, first?.keyWidth)
          writeFloat(writer, at(values, index), first?.float(), first?.bytes())
        }
        return
      }
      writePacked(writer, old, () => {
        const cursor = old.over()
        for (let index = from; index < to; index++) {
          if (cursor.remaining === 0) writer.f32(at(values, index))
          else {
            const bits = cursor.array.subarray(cursor.position, cursor.position + 4)
            writeFloat(writer, at(values, index), cursor.f32(), bits)
          }
        }
      })
    },
  }
}

export function writeBytes(writer: WireWriter, key: number, bytes: Uint8Array, old?: FieldCursor): void {
  writer.varint(key, old?.keyWidth)
  writer.varint(bytes.byteLength, oddWidth(old))
  writer.bytes(bytes)
}

export function writeNested(writer: WireWriter, key: number, old: FieldCursor | undefined, write: () => void): void {
  writer.varint(key, old?.keyWidth)
  const mark = writer.open()
  write()
  writer.close(mark, oddWidth(old))
}

/** key and value of a string map entry. */
export function writeEntry(writer: WireWriter, entry: readonly [string, string], template?: WireMessage): void {
  writeMessage(writer, template, [textSlot(ENTRY.key, entry[0]), textSlot(ENTRY.value, entry[1])])
}

function manySlot(
  key: number,
  count: number,
  write: (writer: WireWriter, index: number, old: FieldCursor | undefined) => void,
): Slot {
  return {
    key,
    count,
    write(writer, from, to, old) {
      // Items after the first are additions behind the last occurrence: no old field, no old spelling.
      for (let index = from; index < to; index++) write(writer, index, index === from ? old : undefined)
    },
  }
}

function writePacked(writer: WireWriter, old: FieldCursor, write: () => void): void {
  writeNested(writer, old.key, old, write)
}

function writeInt(writer: WireWriter, key: number, value: number | bigint, old: FieldCursor | undefined): void {
  writer.varint(key, old?.keyWidth)
  writer.int64(value, old !== undefined && sameInt(old.signed(), value) ? old.byteLength : 0)
}

/** A NaN has bits that a JavaScript number may lose; they stay when the value is still NaN. */
function writeFloat(writer: WireWriter, value: number, old: number | undefined, bits: Uint8Array | undefined): void {
  if (Number.isNaN(value) && old !== undefined && Number.isNaN(old) && bits !== undefined) writer.bytes(bits)
  else writer.f32(value)
}

function sameInt(a: number | bigint, b: number | bigint): boolean {
  return a === b || BigInt(a) === BigInt(b)
}

/** Width of the length that `old` had, when longer than needed; else 0. */
function oddWidth(old: FieldCursor | undefined): number {
  if (old === undefined || old.key % 8 !== BYTES || old.lengthWidth < 2) return 0
  let width = 1
  for (let rest = old.byteLength; rest >= 128; rest = Math.floor(rest / 128)) width++
  return old.lengthWidth > width ? old.lengthWidth : 0
}

function countVarints(bytes: Uint8Array): number {
  let count = 0
  for (const byte of bytes) if (byte < 128) count++
  return count
}

function at<T>(items: readonly T[], index: number): T {
  return items[index] as T
}
