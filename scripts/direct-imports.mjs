/**
 * A plugin of esbuild for what starts: modules of Node are taken as they are, since importing one calls every getter that it
 * has, and those of `fs` load its streams.
 *
 * Names are imported from the file that makes them, not from the one that passes them on. When bundles
 * share files, a file comes with everything it imports: an index would bring its whole folder into the first file that is loaded.
 * For files that tsc wrote, in a package without side effects.
 */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

const IMPORT = /^import \{([^}]*)\} from '(\.[^']*)';$/gm
const BUILT_IN = /^import \{([^}]*)\} from '(node:[^']*)';$/gm
const PASSED_ON = /^export \{([^}]*)\} from '(\.[^']*)';$/gm
const ALL_PASSED_ON = /^export \* from '(\.[^']*)';$/gm

export const directImports = () => ({
  name: 'direct-imports',
  setup(build) {
    const texts = new Map()
    const passed = new Map()
    const textOf = (path) => {
      if (!texts.has(path)) texts.set(path, readFileSync(path, 'utf8'))
      return texts.get(path)
    }
    /** What a file passes on: name -> where it has it from; and the files that it passes on whole. */
    const passedOn = (path) => {
      if (!passed.has(path)) {
        const names = new Map()
        for (const [, list, from] of textOf(path).matchAll(PASSED_ON)) {
          for (const [name, as] of pairs(list)) names.set(as, { name, path: resolve(dirname(path), from) })
        }
        const whole = [...textOf(path).matchAll(ALL_PASSED_ON)].map(([, from]) => resolve(dirname(path), from))
        passed.set(path, { names, whole })
      }
      return passed.get(path)
    }
    const makes = (path, name) =>
      new RegExp(`^export (?:const|function|async function|class) ${name}\\b`, 'm').test(textOf(path))
    /** A string or number that has only a name there: no reason to open that file. */
    const literalOf = (path, name) =>
      new RegExp(`^export const ${name} = ('[^'\\\\]*'|[0-9]+);$`, 'm').exec(textOf(path))?.[1] ?? null
    const originOf = (path, name) => {
      const { names, whole } = passedOn(path)
      const found = names.get(name)
      if (found !== undefined) return originOf(found.path, found.name)
      for (const one of makes(path, name) ? [] : whole) {
        const origin = originOf(one, name)
        if (makes(origin.path, origin.name)) return origin
      }
      return { path, name }
    }
    build.onLoad({ filter: /\.js$/, namespace: 'file' }, ({ path }) => {
      if (path.includes('node_modules')) return undefined
      const own = textOf(path).replace(
        BUILT_IN,
        (_, list, from) =>
          `const { ${pairs(list).map(([name, as]) => `${name}: ${as}`)} } = process.getBuiltinModule('${from}');`,
      )
      const contents = own.replace(IMPORT, (_, list, from) =>
        pairs(list)
          .map(([name, as]) => {
            const origin = originOf(resolve(dirname(path), from), name)
            const value = literalOf(origin.path, origin.name)
            if (value !== null) return `const ${as} = ${value};`
            return `import { ${origin.name} as ${as} } from ${JSON.stringify(origin.path)};`
          })
          .join(' '),
      )
      return { contents, loader: 'js' }
    })
  },
})

/** `a, b as c` as [['a', 'a'], ['b', 'c']]. */
function pairs(list) {
  return list
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
    .map((one) => {
      const [name, as = name] = one.split(/\s+as\s+/)
      return [name, as]
    })
}
