/**
 * What starts is CommonJS: Node's loader of modules costs the main thread 14 ms before the first line runs, and every thread some
 * more (decision 0059). The folders say so in a package.json of their own; the sources and the library stay modules.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'

/** Modules always are strict. */
const STRICT = '"use strict";'
/** Modules know their own address, CommonJS its path. */
const ADDRESS = 'const ADDRESS=process.getBuiltinModule("node:url").pathToFileURL(__filename).href;'
const LATER_HELPER = 'const later=async path=>require(path);'

export const COMMON_JS = {
  format: 'cjs',
  define: { 'import.meta.url': 'ADDRESS' },
  banner: { js: STRICT + ADDRESS },
}

// As esbuild writes them without white space.
const IMPORT = /(?<=^|;|\n)import\{([^}]*)\}from"([^"]+)";/g
const BARE = /(?<=^|;|\n)import"(\.\/[^"]+)";/g
const EXPORT = /(?<=^|;|\n|\})export\{([^}]*)\};?\n?$/
/** What build.mjs writes for files that were joined with another. */
const PASSED_ON = /^export \{([^}]*)\} from '(\.\/[^']+)'\n$/
const LATER = /\bimport\("(\.\/[^"]+)"\)/g

/**
 * Turns the bundled modules of a folder into CommonJS in place. Every name is handed over once, when its file has run:
 * shared files do not wait for those that import them, and nothing that is exported gets another value later.
 */
export function asCommonJs(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    const text = readFileSync(path, 'utf8')
    const shebang = /^#!.*\n/.exec(text)?.[0] ?? ''
    const own = text
      .slice(shebang.length)
      .replace(IMPORT, (all, list, from) =>
        from.startsWith('./') || isBuiltin(from) ? `const{${renamed(list)}}=require("${from}");` : all,
      )
      .replace(BARE, 'require("$1");')
      .replace(
        PASSED_ON,
        (_, list, from) => `const{${renamed(list)}}=require("${from}");export{${list.replaceAll(/[^,]* as /g, '')}}`,
      )
      .replace(EXPORT, (_, list) => `;module.exports={${renamed(list, true)}};\n`)
      .replace(LATER, 'later("$1")')
      .replaceAll('import.meta.url', 'ADDRESS')
    const left = /(?<=^|;|\n|\})(?:import[{*" ]|export[{* ]).{0,60}/.exec(own)?.[0]
    if (left !== undefined) throw new Error(`${name}: not turned into CommonJS: ${left}`)
    const helpers = [own.includes('ADDRESS') ? ADDRESS : '', own.includes('later("./') ? LATER_HELPER : '']
    writeFileSync(path, shebang + STRICT + helpers.join('') + own)
  }
  commonJsFolder(folder)
}

export function commonJsFolder(folder) {
  writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }\n')
}

/** `a, b as c` as the parts of `{a, b: c}`; turned round for what is exported. */
function renamed(list, exported = false) {
  return list
    .split(',')
    .filter((one) => one !== '')
    .map((one) => {
      const [name, as = name] = one.split(' as ')
      if (name === as) return name
      return exported ? `${as}:${name}` : `${name}:${as}`
    })
    .join(',')
}
