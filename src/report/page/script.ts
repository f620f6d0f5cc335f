/**
 * The page's own script: sorting and filtering of the decisions, and the chart. Text reaches the page by textContent only.
 */
export const SCRIPT = `
(() => {
  const table = document.querySelector('table.decisions')
  if (table) {
    const body = table.tBodies[0]
    const rows = [...body.rows]
    const filter = document.querySelector('#filter'), action = document.querySelector('#action'), count = document.querySelector('#count')
    const haystacks = rows.map((row) => row.textContent.toLowerCase())
    const apply = () => {
      const words = filter.value.toLowerCase().split(/\\s+/).filter(Boolean)
      let shown = 0
      rows.forEach((row, index) => {
        const fits = (action.value === '' || row.dataset.action === action.value) && words.every((word) => haystacks[index].includes(word))
        row.hidden = !fits
        if (fits) shown++
      })
      count.textContent = shown + ' of ' + rows.length
    }
    filter.addEventListener('input', apply)
    action.addEventListener('change', apply)
    apply()
    const heads = [...table.tHead.rows[0].cells]
    heads.forEach((head, column) => {
      head.tabIndex = 0
      head.setAttribute('role', 'button')
      const sort = () => {
        const down = head.getAttribute('aria-sort') === 'ascending'
        heads.forEach((other) => other.removeAttribute('aria-sort'))
        head.setAttribute('aria-sort', down ? 'descending' : 'ascending')
        const numeric = head.dataset.sort === 'number'
        const key = (row) => { const cell = row.cells[column]; return numeric ? (cell.dataset.value === undefined ? NaN : Number(cell.dataset.value)) : cell.textContent }
        const sign = down ? -1 : 1
        const order = rows.map((row, index) => ({ row, index, key: key(row) }))
        order.sort((a, b) => {
          if (numeric) {
            const an = Number.isNaN(a.key), bn = Number.isNaN(b.key)
            if (an || bn) return an && bn ? a.index - b.index : an ? 1 : -1
            return sign * (a.key - b.key) || a.index - b.index
          }
          return sign * a.key.localeCompare(b.key) || a.index - b.index
        })
        body.append(...order.map(({ row }) => row))
      }
      head.addEventListener('click', sort)
      head.addEventListener('keydown', (event) => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); sort() } })
    })
  }

  const place = document.querySelector('#weight-error')
  if (place && window.uPlot) {
    const { names, series } = JSON.parse(document.querySelector('#weight-error-data').textContent)
    const tip = document.createElement('div')
    tip.className = 'tip'
    let plot
    const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
    const draw = () => {
      plot?.destroy()
      const soft = color('--soft'), line = color('--line')
      const axis = { stroke: soft, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: '12px system-ui' }
      plot = new uPlot({
        width: place.clientWidth, height: 300, legend: { show: false },
        cursor: { drag: { x: true, y: false }, points: { size: 11 }, focus: { prox: 24 } },
        scales: { x: { time: false, range: (u, min, max) => [Math.min(min, 1) - 0.5, Math.max(max, 1) + 0.5] }, y: { range: (u, min, max) => { const low = Math.min(min, max), pad = Math.max(2, (max - low) * 0.08); return [Math.min(0, low) < 0 ? low - pad : Math.max(0, low - pad), max + pad] } } },
        axes: [{ ...axis, label: 'tensor, in file order', labelFont: '12px system-ui', labelSize: 22, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] }, { ...axis, label: 'SQNR of the weight, dB', labelFont: '12px system-ui', labelSize: 22, size: 44 }],
        series: [{}, ...series.map(({ shade }) => ({ stroke: color('--c' + shade), paths: () => null, points: { show: true, size: names.length > 400 ? 4 : 7, fill: color('--c' + shade), stroke: color('--c' + shade) } }))],
        hooks: { setCursor: [(u) => {
          const index = u.cursor.idx
          const at = index == null ? -1 : series.findIndex(({ values }) => values[index] != null)
          if (at < 0 || u.cursor.left < 0) { tip.style.display = 'none'; return }
          const value = series[at].values[index]
          tip.textContent = names[index] + '  ' + series[at].label + '  ' + value.toFixed(1) + ' dB'
          tip.style.display = 'block'
          const left = u.valToPos(index + 1, 'x') + u.over.offsetLeft
          tip.style.left = Math.max(0, Math.min(left + 12, place.clientWidth - tip.offsetWidth)) + 'px'
          tip.style.top = Math.max(0, u.valToPos(value, 'y') + u.over.offsetTop - tip.offsetHeight - 10) + 'px'
        }] },
      }, [names.map((_, index) => index + 1), ...series.map(({ values }) => values)], place)
      place.append(tip)
    }
    draw()
    let width = place.clientWidth
    new ResizeObserver(() => { if (place.clientWidth !== width) { width = place.clientWidth; plot.setSize({ width, height: 300 }) } }).observe(place)
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw)
  }
})()
`
