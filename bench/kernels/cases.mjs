/** The encoders and decoders that `bench:speed -- kernels` times: name, side, direction, what to run. */

/** Floats a call of the kernels gets: fewer than 2^20, and a window that the second-level cache holds. */
const WINDOW = 2 ** 18
const SMALL_WINDOW = 2 ** 16
const ROW = 4096
const BAR = 0.5

/** Bell-shaped values, the same in every run. */
function fill(floats) {
  let state = 1
  for (let i = 0; i < floats.length; i++) {
    let sum = -2
    for (let j = 0; j < 4; j++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      sum += state / 4294967296
    }
    floats[i] = sum
  }
}

/**
 * `k`: encode(src, count, scales, dst) and decode(codes, count, scales, dst) over one window of whole blocks; `perByte` codes a byte.
 */
function schemesOf(library, k, at) {
  const { FitMode, ScaleRule, SmallFloatFormat } = library
  const tables = new Map()
  const tableOf = (name, levels) => {
    if (!tables.has(name)) {
      const place = at.tables + tables.size * library.LEVEL_TABLE_BYTES
      k.prepareLevels(library.prepareTable(levels), place)
      tables.set(name, place)
    }
    return tables.get(name)
  }
  const integers = (name, bits, block, rule, bar) => {
    const half = 2 ** (bits - 1)
    const perByte = 8 / bits
    const table =
      bits <= 4 ? tableOf(`int${bits}`, { levels: Float32Array.from({ length: 2 * half }, (_, i) => i - half) }) : 0
    return {
      name,
      perByte,
      bar,
      encode: (src, count, scales, dst) =>
        k.packIntegerRows(
          src,
          0,
          1,
          count,
          block,
          rule,
          half - 1,
          half,
          0,
          half,
          2 * half - 1,
          perByte,
          scales,
          dst,
          0,
        ),
      decode: (codes, count, scales, dst) =>
        bits <= 4
          ? k.unpackLevelRows(codes, 0, 1, count, block, perByte, table, scales, dst, 0)
          : k.decodeRows(codes, 0, 1, count, block, bits, scales, 0, dst, 0),
    }
  }
  const leveled = (name, levels, block, perByte, rule, up, down, bar) => {
    const table = tableOf(name, levels)
    return {
      name,
      perByte,
      bar,
      encode: (src, count, scales, dst) =>
        k.packLevelRows(src, 0, 1, count, block, rule, up, down, 0, table, perByte, scales, dst, 0),
      decode: (codes, count, scales, dst) =>
        k.unpackLevelRows(codes, 0, 1, count, block, perByte, table, scales, dst, 0),
    }
  }
  const floats = (name, format, dtype, block, most, bar) => {
    const values = at.bytes + 1024 * SmallFloatFormat[format]
    new Float32Array(k.memory, values, 256).set(library.smallFloatValues(dtype).subarray(0, 256))
    return {
      name,
      perByte: 1,
      bar,
      encode: (src, count, scales, dst) =>
        k.packFloatRows(
          src,
          0,
          1,
          count,
          block,
          ScaleRule.Reach,
          most,
          most,
          0,
          SmallFloatFormat[format],
          1,
          scales,
          dst,
          0,
        ),
      decode: (codes, count, scales, dst) => k.decodeByteRows(codes, 0, 1, count, block, values, scales, dst, 0),
    }
  }
  const { Reach, Signed, Mean, MeanBeyond } = ScaleRule
  const search = (block) => ({
    name: `int4 block ${block}, scale search`,
    perByte: 2,
    ...(block === 32 && { speedBar: 0.6 }),
    encode: (src, count, scales, dst) => {
      k.fitRows(src, 0, 1, count, block, FitMode.SearchSymmetric, 15, 0, scales, 0)
      k.packIntegerRows(src, 0, 1, count, block, ScaleRule.Given, 7, 8, 0, 8, 15, 2, scales, dst, 0)
    },
  })
  return [
    integers(`int8 row of ${ROW}`, 8, ROW, Reach, BAR),
    integers('int8 block 32', 8, 32, Reach),
    integers('int4 block 32', 4, 32, Signed, BAR),
    integers('int4 block 128', 4, 128, Signed, BAR),
    integers('int2 block 32', 2, 32, Reach),
    leveled('nf4 block 64', library.NF4, 64, 2, Reach, 1, 1, BAR),
    leveled('iq4nl block 32', library.IQ4NL, 32, 2, Signed, 113, 127),
    leveled('e2m1 block 32', library.floatTable('e2m1'), 32, 2, Reach, 6, 6),
    floats(`e4m3fn row of ${ROW}`, 'e4m3fn', 'e4m3fn', ROW, 448, BAR),
    floats('e4m3fn block 128', 'e4m3fn', 'e4m3fn', 128, 448, BAR),
    floats(`e5m2 row of ${ROW}`, 'e5m2', 'e5m2', ROW, 57344),
    leveled(`ternary row of ${ROW}, base 3`, library.TERNARY, ROW, 5, MeanBeyond, 1, 1, BAR),
    leveled('ternary block 256, base 3', library.TERNARY, 256, 5, MeanBeyond, 1, 1, BAR),
    leveled('ternary block 256, 2 bits', library.TERNARY, 256, 4, MeanBeyond, 1, 1, BAR),
    leveled(`binary row of ${ROW}`, library.BINARY, ROW, 8, Mean, 1, 1),
    search(32),
    search(128),
  ]
}

export function arrayCases(library, byteLength) {
  const k = library.createWasmKernelsSync()
  const count = byteLength / 4
  const spare = 2 ** 20
  const base = k.reserve(2 * byteLength + byteLength / 8 + 16 * spare)
  const at = {
    src: base,
    dst: base + byteLength,
    scales: base + 2 * byteLength,
    tables: base + 2 * byteLength + byteLength / 8,
    bytes: base + 2 * byteLength + byteLength / 8 + 65_536,
    window: base + 2 * byteLength + byteLength / 8 + spare,
  }
  const outside = new Float32Array(count)
  fill(outside)
  new Float32Array(k.memory, at.src, count).set(outside)
  const back = new Float32Array(count)
  const codes = new Uint8Array(count).fill(1)
  back.fill(1)
  const memory = new Uint8Array(k.memory)

  const cases = [
    {
      name: 'copy',
      side: 'in place',
      direction: 'encode',
      copy: true,
      run: () => memory.copyWithin(at.dst, at.src, at.src + byteLength),
    },
    { name: 'copy', side: 'arrays', direction: 'encode', copy: true, run: () => back.set(outside) },
  ]
  for (const scheme of schemesOf(library, k, at)) {
    const codeBytes = (values) => Math.ceil(values / scheme.perByte)
    const { name, bar, speedBar, encode, decode } = scheme
    cases.push({
      name,
      side: 'in place',
      direction: 'encode',
      bar,
      speedBar,
      run: () => {
        for (let i = 0; i < count; i += WINDOW) encode(at.src + 4 * i, WINDOW, at.scales, at.dst + codeBytes(i))
      },
    })
    cases.push({
      name,
      side: 'arrays',
      direction: 'encode',
      run: () => {
        const [input, scales, output] = [at.window, at.window + spare, at.window + 2 * spare]
        for (let i = 0; i < count; i += SMALL_WINDOW) {
          new Float32Array(k.memory, input, SMALL_WINDOW).set(outside.subarray(i, i + SMALL_WINDOW))
          encode(input, SMALL_WINDOW, scales, output)
          codes.set(new Uint8Array(k.memory, output, codeBytes(SMALL_WINDOW)), codeBytes(i))
        }
      },
    })
    if (!decode) continue
    cases.push({
      name,
      side: 'in place',
      direction: 'decode',
      run: () => {
        for (let i = 0; i < count; i += WINDOW) decode(at.src + codeBytes(i), WINDOW, at.scales, at.dst + 4 * i)
      },
    })
    cases.push({
      name,
      side: 'arrays',
      direction: 'decode',
      run: () => {
        const [input, scales, output] = [at.window, at.window + spare, at.window + 2 * spare]
        for (let i = 0; i < count; i += SMALL_WINDOW) {
          memory.set(codes.subarray(codeBytes(i), codeBytes(i + SMALL_WINDOW)), input)
          decode(input, SMALL_WINDOW, scales, output)
          back.set(new Float32Array(k.memory, output, SMALL_WINDOW), i)
        }
      },
    })
  }
  return cases
}
