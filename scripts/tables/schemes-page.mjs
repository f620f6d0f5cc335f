/** The text of docs/schemes.md. */
import { COLUMNS, ROWS } from './measured-values.mjs'

/** Where each family's five lines stand. A family that is missing here is an error: what its codes mean must be on the page. */
const HEADERS = {
  integers: ['arrays/integer-codec'],
  'level tables': ['tables/normal-float', 'tables/iq4nl'],
  binary: ['tables/binary'],
  ternary: ['tables/ternary'],
  'shift codes': ['tables/shift'],
  'additive powers of two': ['tables/additive-powers'],
  floats: ['tables/cast-codec'],
  tf32: ['tables/tf32'],
  'scaled floats': ['tables/float-table'],
  'OCP MX': ['tables/mx'],
  nvfp4: ['tables/nvfp4'],
  superblocks: ['superblocks/superblock-codec'],
  'double quantization': ['superblocks/double-scales'],
  'codebook<bits>': ['codebook/codebook-codec'],
  'fitted<bits>': ['codebook/fitted-codec'],
  'product<vector>x<bits>': ['codebook/product-codec'],
}

/** `source` gives the text of a file of the repository, `figures` what `measured` found. */
export function schemesPage(library, source, figures) {
  return `${[
    TOP,
    ...library.FAMILIES.map((family) => familySection(library, family, source)),
    overheads(),
    errors(library, figures),
  ].join('\n\n')}\n`
}

/** Figures of a page that was written before. */
export function figuresIn(page) {
  const rows = page.slice(page.indexOf('## Measured')).matchAll(/^\| `([^`]+)` \| (\S+) \| (\S+) \| (\S+) \|/gm)
  return new Map([...rows].map(([, id, bits, gaussian, student]) => [id, { bits, gaussian, student }]))
}

const TOP = `# Schemes

<!-- Written by scripts/make-tables.mjs from the registry: do not edit. -->

Every family of codes, with its examples; what they measure stands [at the end](#measured). How to use them: [arrays](guide/8-arrays.md).

An id is \`<code>[-<granularity>][-<kind>][-<scale type>]\`, defaults left out. Any granularity goes with any code of a family that shows
one: \`tensor\`, \`row\`, \`column\`, \`channel<axis>\` (axis 0 unless named), \`block<size>\`, \`tile<rows>x<columns>\`.

- **codes**: how many there are. **bits a value**: of the code, and of parameters over the values that share them; \`n\` is the number of values of
  a group, \`N\` of the array.
- **parameters**: name and stored type, of each group; \`array:\` one set for all.
- **0 exact**: 0 comes back as 0 whatever the parameters.
- **effort**: what the encoder knows; the default in bold. \`closed\` is a formula, \`fast\` a search, \`exact\` the least squared error that any parameters
  of the format reach.
- **even**: levels are evenly spaced: rounding modes and a given \`range\` have a meaning.
- **kernel**: with \`{ kernels }\` the closed form runs in WebAssembly, to the same bytes, where groups are runs of equal length.`

function familySection(library, family, source) {
  const files = HEADERS[family.name]
  if (files === undefined) throw new Error(`scripts/tables/schemes-page.mjs: no header is named for "${family.name}"`)
  const headers = files.map((file) => headerOf(source(`src/schemes/${file}.ts`), file))
  const examples = family.examples.map((id) => library.arrayScheme(id))
  const choices = choicesOf(family, examples)
  return [
    `## ${titleOf(family)}`,
    ...headers,
    ...(choices ? [choices] : []),
    [
      '| id | codes | bits a value | parameters | 0 exact | effort | even | kernel |',
      '|---|---|---|---|---|---|---|---|',
      ...examples.map((scheme) => row(library, scheme)),
    ].join('\n'),
  ].join('\n\n')
}

const titleOf = ({ name }) =>
  name === 'nvfp4' ? 'NVFP4' : `${name[0].toUpperCase()}${name.slice(1).replaceAll('<', '\\<')}`

/** Kinds and types of scales that a family's ids may name, by code where codes differ. */
function choicesOf(family, examples) {
  const byText = new Map()
  for (const { id } of examples) {
    const code = family.pattern.exec(id.split('-')[0])
    const kinds = family.kinds(code)
    const scales = family.scales(code)
    const parts = []
    if (kinds.length > 1) parts.push(`kinds ${list(kinds)}`)
    if (scales.length > 1) parts.push(`types ${list(scales)}`)
    if (parts.length > 0)
      byText.set(parts.join('; '), (byText.get(parts.join('; ')) ?? new Set()).add(`\`${code[0]}\``))
  }
  if (byText.size === 1) return [...byText.keys()].map((text) => `${text[0].toUpperCase()}${text.slice(1)}.`)[0]
  return [...byText].map(([text, codes]) => `- ${[...codes].join(', ')}: ${text}`).join('\n')
}

/** The first is the default. */
const list = (words) => words.map((word, index) => (index === 0 ? `**\`${word}\`**` : `\`${word}\``)).join(', ')

/** The five lines: sentence, formulas (indented), source. */
function headerOf(text, file) {
  const comment = /\/\*\*\n([\s\S]*?)\n \*\//.exec(text)
  if (comment === null) throw new Error(`src/schemes/${file}.ts: expected to open with five lines`)
  const blocks = []
  let last = ''
  for (const line of comment[1].split('\n').map((each) => each.replace(/^ \* ?/, ''))) {
    const kind = line === '' ? '' : line.startsWith('  ') ? 'formula' : 'text'
    if (kind !== '' && kind === last) blocks.at(-1).lines.push(line.trim())
    else if (kind !== '') blocks.push({ kind, lines: [line.trim()] })
    last = kind
  }
  return blocks
    .map(({ kind, lines }) =>
      kind === 'formula' ? `\`\`\`text\n${lines.join('\n')}\n\`\`\`` : lines.join('\n').replaceAll('<', '\\<'),
    )
    .join('\n\n')
}

function row(library, scheme) {
  const { codec, id } = scheme
  const efforts = codec.efforts.map((effort) => (effort === codec.effort ? `**${effort}**` : effort))
  const cells = [
    `\`${id}\``,
    codec.vector > 1 ? `${codec.levels} of ${codec.vector} values` : String(codec.levels),
    bitsOf(library, scheme),
    parametersOf(codec),
    codec.exactZero ? 'yes' : 'no',
    efforts.join(', '),
    codec.even ? 'yes' : '',
    codec.kernel ? 'yes' : '',
  ]
  return `| ${cells.join(' | ')} |`
}

const bitsIn = (library, specs) =>
  specs.reduce((sum, { type, count }) => sum + (8 * library.parameterByteLength(type, count * 8)) / 8, 0)

/** `4 + 16/32 = 4.5`; `8 + 32/n` where the size of a group depends on the array. */
function bitsOf(library, { codec, grouping }) {
  const code = library.codeBits(codec) / codec.vector
  const group = bitsIn(library, codec.parameters)
  const shared = bitsIn(library, codec.shared)
  const known =
    grouping.kind === 'block' ? grouping.size : grouping.kind === 'tile' ? grouping.rows * grouping.columns : 0
  const text = [String(code)]
  if (group > 0) text.push(`${group}/${known || 'n'}`)
  if (shared > 0) text.push(`${shared}/N`)
  const sum = known && group > 0 && shared === 0 ? ` = ${decimal(code + group / known)}` : ''
  return text.join(' + ') + sum
}

const decimal = (value) => String(Number(value.toFixed(4)))

const grouped = (count) => String(count).replace(/(?<=\d)(?=(\d{3})+$)/g, ',')

function parametersOf({ parameters, shared }) {
  const text = ({ name, type, count }) => `\`${name}\` ${count > 1 ? `${count} x ` : ''}${type}`
  return [...parameters.map(text), ...shared.map((spec) => `array: ${text(spec)}`)].join(', ')
}

const SIZES = [16, 32, 64, 128, 256, 1024]
const STORED = [
  ['one scale of 8 bits', 8],
  ['one scale of 16 bits', 16],
  ['scale of 16 bits and zero of 8', 24],
  ['one scale of 32 bits; scale and offset of 16', 32],
  ['scale of 32 bits and zero of 8', 40],
  ['scale and offset of 32 bits', 64],
]

function overheads() {
  return [
    '## What parameters cost',
    'Bits a value on top of the code, by values that share them:',
    [
      `| parameters | ${SIZES.join(' | ')} |`,
      `|---|${SIZES.map(() => '---').join('|')}|`,
      ...STORED.map(([name, bits]) => `| ${name} | ${SIZES.map((size) => decimal(bits / size)).join(' | ')} |`),
    ].join('\n'),
  ].join('\n\n')
}

function errors(library, figures) {
  const ids = library.exampleIds(library.FAMILIES).map((id) => library.arrayScheme(id).id)
  const rows = [...new Set(ids)].map((id) => {
    const found = figures.get(id)
    if (found === undefined) throw new Error(`docs/schemes.md: no figures of ${id}`)
    return { id, ...found }
  })
  rows.sort((a, b) => a.bits - b.bits || a.gaussian - b.gaussian || (a.id < b.id ? -1 : 1))
  return [
    '## Measured',
    `Relative RMS error (root of the sum of squared errors over that of squared values) at the default effort, ${grouped(ROWS * COLUMNS)} values in ${ROWS} rows of ${grouped(COLUMNS)}: Gaussian (deviation 1), and Student's t with 5 degrees of freedom, whose tails are those of weights. Bits a value with all parameters, tables of the array included. Sorted by bits, then by error. The values come from a seeded generator: every machine finds the same figures.`,
    [
      '| id | bits a value | Gaussian | Student t5 |',
      '|---|---|---|---|',
      ...rows.map(({ id, bits, gaussian, student }) => `| \`${id}\` | ${bits} | ${gaussian} | ${student} |`),
    ].join('\n'),
  ].join('\n\n')
}
