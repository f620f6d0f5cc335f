import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import type { TestContext } from 'vitest'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const PLACES = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
]

/** It must be quiet: no updates, no sync, no look at the network beside what a page asks for. */
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const HOW =
  'no Chromium was found: install one (Debian, Ubuntu: apt-get install chromium) or name its executable in CHROMIUM'

/** The executable that CHROMIUM names, else one on the PATH, else one where systems install it. */
export function findChromium(env: Readonly<Record<string, string | undefined>> = process.env): string | undefined {
  const named = env.CHROMIUM
  if (named !== undefined && named !== '') return isExecutable(named) ? named : undefined
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  return [...NAMES.flatMap((name) => folders.map((folder) => join(folder, name))), ...PLACES].find(isExecutable)
}

let told = false

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The executable, or the test ends: skipped with the way to get one, failed where CI=true promises one. */
export function needChromium(context: Pick<TestContext, 'skip'>, env = process.env, tell = tellOnce): string {
  const found = findChromium(env)
  if (found !== undefined) return found
  if (env.CI === 'true') throw new Error(HOW)
  // The default reporter keeps the notes of skipped tests to itself.
  tell(`browser tests are skipped: ${HOW}`)
  return context.skip(HOW)
}

function tellOnce(text: string): void {
  if (!told) console.warn(text)
  told = true
}

export interface OpenPage {
  readonly browser: Browser
  readonly page: Page
  /** What the page wrote to its console, and errors that nothing caught. */
  readonly said: readonly string[]
  /** Addresses it asked for. */
  readonly asked: readonly string[]
}

/** Opens `address`. */
export async function openPage(executablePath: string, address: string): Promise<OpenPage> {
  const browser = await chromium.launch({ executablePath, args: FLAGS })
  const page = await browser.newPage()
  const said: string[] = []
  const asked: string[] = []
  page.on('console', (message) => said.push(message.text()))
  page.on('pageerror', (error) => said.push(error.message))
  page.on('request', (request) => asked.push(request.url()))
  await page.goto(address)
  return { browser, page, said, asked }
}
