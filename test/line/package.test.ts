import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
// @ts-expect-error plain JavaScript, shared with the build
import { uplotModule } from '../../scripts/embed-uplot.mjs'
import { VERSION } from '../../src/version.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const text = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const manifest = JSON.parse(text('package.json'))
const lock = JSON.parse(text('package-lock.json'))

describe('package.json', () => {
  test('the version is said once', () => {
    expect(VERSION).toBe(manifest.version)
    expect(lock.version).toBe(manifest.version)
    expect(text('CHANGELOG.md')).toContain(`## ${manifest.version}`)
  })

  test('entries, command and type', () => {
    expect(manifest.type).toBe('module')
    expect(manifest.sideEffects).toBe(false)
    expect(manifest.bin).toEqual({ tersor: './dist/cli/main.js' })
    expect(Object.keys(manifest.exports)).toEqual(['.', './node', './int8', './package.json'])
    for (const entry of ['.', './node', './int8'])
      expect(Object.keys(manifest.exports[entry])).toEqual(['types', 'default'])
  })

  test('what is published', () => {
    expect(manifest.files).toEqual(['dist', 'demo', 'LICENSE', 'NOTICE', 'README.md', 'CHANGELOG.md'])
    for (const path of manifest.files.filter((path: string) => path !== 'dist'))
      expect(existsSync(join(ROOT, path)), path).toBe(true)
  })

  test('dependencies are few, named here, and used', () => {
    const known = ['fflate', 'valibot']
    const names = Object.keys(manifest.dependencies)
    expect(names.filter((name) => !known.includes(name))).toEqual([])
    const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
      .map((path) => text(join('src', path)))
    for (const name of names)
      expect(
        sources.some((source) => source.includes(`from '${name}'`)),
        name,
      ).toBe(true)
    expect(Object.keys(manifest.optionalDependencies).sort()).toEqual([
      '@huggingface/tokenizers',
      'onnxruntime-node',
      'onnxruntime-web',
      'sharp',
    ])
    expect(manifest.peerDependencies).toBeUndefined()
  })

  test('every version is exact', () => {
    const groups = [manifest.dependencies, manifest.optionalDependencies, manifest.devDependencies]
    for (const [name, version] of groups.flatMap((group) => Object.entries<string>(group))) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/)
      expect(lock.packages[`node_modules/${name}`].version, name).toBe(version)
    }
  })

  test('nothing runs at install', () => {
    for (const script of ['preinstall', 'install', 'postinstall', 'prepare'])
      expect(manifest.scripts[script]).toBeUndefined()
  })
})

test('the embedded chart library is the installed one', () => {
  expect(text('src/report/charts/uplot-inline.ts')).toBe(uplotModule(ROOT))
})

describe('documents', () => {
  const documents = ['README.md', 'CONTRIBUTING.md', 'ARCHITECTURE.md', 'SECURITY.md', 'CHANGELOG.md', ...pages('docs')]

  test('CONTRIBUTING.md fits its 80 lines', () => {
    expect(text('CONTRIBUTING.md').trimEnd().split('\n').length).toBeLessThanOrEqual(80)
  })

  test('README.md names the two commands of the set-up', () => {
    expect(text('README.md')).toContain('npm ci && npm run demo')
    expect(text('README.md')).toContain('npm ci && npm test')
  })

  test.each(documents)('%s: every relative link leads somewhere', (path) => {
    for (const [, target] of text(path).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)) {
      expect(existsSync(join(ROOT, path, '..', target!)), `${path} -> ${target}`).toBe(true)
    }
  })

  test.each(documents)('%s: every `npm run` exists, every verb and flag after `tersor` too', async (path) => {
    const { VERBS } = await import('../../src/cli/verbs.ts')
    const { flagsOf } = await import('../../src/cli/flags.ts')
    for (const [, script] of text(path).matchAll(/npm run ([\w:-]+)/g))
      expect(Object.keys(manifest.scripts), path).toContain(script)
    for (const [line, verb] of text(path).matchAll(/^(?:\$ )?(?:npx )?tersor ([a-z]+)[^\n]*$/gm)) {
      const spec = VERBS.find((each) => each.verb === verb)
      expect(spec, `${path}: ${line}`).toBeDefined()
      const known = flagsOf(spec!.verb).map(({ name }) => name)
      for (const [, flag] of line.matchAll(/ --([a-z-]+)/g)) expect(known, `${path}: ${line}`).toContain(flag)
    }
  })
})

function pages(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => join(folder, path))
}
