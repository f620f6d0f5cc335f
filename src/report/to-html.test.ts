import { expect, test } from 'vitest'
import { compareReport, encoderReport, HOSTILE, hostileReport, planReport } from '../../test/fixtures/reports.ts'
import { compareToHtml } from './compare-to-html.ts'
import { html, json } from './page/html.ts'
import { printable } from './printable.ts'
import { toHtml } from './to-html.ts'

/** The page without what we wrote ourselves into it. */
const markupOf = (page: string) => page.replace(/<script>[\s\S]*?<\/script>|<style>[\s\S]*?<\/style>/g, '')

test('the page loads nothing', () => {
  const page = markupOf(toHtml(encoderReport))
  expect(page).not.toMatch(/\b(?:src|href)\s*=\s*"(?!data:)/)
  expect(page).not.toMatch(/url\(|@import/)
  expect(page).toContain("default-src 'none'")
})

test('it holds verdict, sizes, the three arithmetics, every decision and the reasons', () => {
  const page = toHtml(encoderReport)
  expect(page).toContain('<b>plausible</b>')
  expect(page).toContain('-74.6 % of 90.4 MB')
  for (const word of ['fused', 'unfused', 'reference']) expect(page).toContain(`<b>${word}</b>`)
  expect(page.match(/<tr data-action=/g)).toHaveLength(encoderReport.decisions.length)
  expect(page).toContain('scale of a normalization')
  expect(page).toContain('uPlot')
})

test.each([
  [
    'quantize',
    () =>
      toHtml(hostileReport, {
        pictures: [{ sample: 0, source: `data:image/png;base64,AA${HOSTILE}`, expected: HOSTILE }],
      }),
  ],
  ['compare', () => compareToHtml(compareReport)],
])('%s: hostile names stay text', (_, render) => {
  const page = render()
  const markup = markupOf(page)
  expect(markup).not.toContain('<img src=x')
  expect(markup).not.toMatch(/onerror=alert\(1\)>(?!&)/)
  expect(page).not.toContain('</script><img')
  expect(markup).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u202a-\u202e]/)
  expect(markup).toContain('&#60;img src=x onerror=alert(1)&#62;')
})

test('as many scripts end as begin', () => {
  for (const page of [toHtml(hostileReport), toHtml(encoderReport)]) {
    expect(page.match(/<script/gi)!.length).toBe(page.match(/<\/script/gi)!.length)
  }
})

test('the data of the chart reads back as they were', () => {
  const page = toHtml(hostileReport)
  const text = /<script type="application\/json" id="weight-error-data">([\s\S]*?)<\/script>/.exec(page)![1]!
  expect(JSON.parse(text).names).toContain(printable(HOSTILE))
})

test('a plan without verdict, and a report without decisions, are pages too', () => {
  expect(toHtml(planReport)).toContain('<b>planned</b>')
  const bare = toHtml({ ...planReport, decisions: [], warnings: [] })
  expect(bare).not.toContain('<table class="decisions"')
})

test('pictures are drawn from our own data addresses only', () => {
  const picture = { sample: 0, source: 'data:image/png;base64,AAAA', expected: '7' }
  expect(toHtml(encoderReport, { pictures: [picture] })).toContain('src="data:image/png;base64,AAAA"')
  expect(toHtml(encoderReport, { pictures: [{ ...picture, source: 'https://example.org/a.png' }] })).not.toContain(
    'example.org',
  )
})

test('holes are escaped, markup is not', () => {
  expect(html`<p title="${'"><b>'}">${html`<i>${'&'}</i>`}${undefined}${3}</p>`.markup).toBe(
    '<p title="&#34;&#62;&#60;b&#62;"><i>&#38;</i>3</p>',
  )
  expect(json({ a: '</script>', b: Number.NaN }).markup).toBe('{"a":"\\u003c/script\\u003e","b":null}')
})
