import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { compact } from '../format'
import { onThemeChange } from '../theme'
import type { ChartData } from './Chart'

export type Plot = { update(data: ChartData): void; destroy(): void }

const FONT = '11px system-ui, sans-serif'
/** Half of the widest time label: one at the end of the axis is centred on the edge of the bars. */
const LABEL_OVERHANG = 20
/** Counts are whole: ticks at 1, 2, 5, 10, 20, … */
const WHOLE_STEPS = Array.from({ length: 12 }, (_, power) =>
  [1, 2, 5].map((digit) => digit * 10 ** power),
).flat()

/** Draws stacked bars that fill the width of `host`. `onHover` gets the bar under the pointer. */
export function createPlot(host: HTMLElement, first: ChartData, onHover: (bar: number | null) => void): Plot {
  let data = first
  const colours = new Colours(host)
  let plot = build()

  function build(): uPlot {
    // A stack is drawn from top to bottom, each bar over the previous one.
    const topDown = data.series.map((_, index) => data.series.length - 1 - index)
    return new uPlot(
      {
        width: host.clientWidth,
        height: host.clientHeight,
        padding: [8, LABEL_OVERHANG, 0, 0],
        legend: { show: false },
        cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
        scales: {
          x: { time: true, range: () => span(data) },
          y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.08)] },
        },
        axes: [
          {
            stroke: () => colours.of('text-faint'),
            font: FONT,
            grid: { show: false },
            ticks: { show: false },
            gap: 6,
            size: 28,
            space: 72,
            values: timeLabels,
          },
          {
            stroke: () => colours.of('text-faint'),
            font: FONT,
            grid: { stroke: () => colours.of('border'), width: 1 },
            ticks: { show: false },
            gap: 8,
            size: 44,
            space: 36,
            incrs: WHOLE_STEPS,
            values: (_plot, splits) =>
              splits.map((value) => (value >= 10_000 ? compact(value) : String(value))),
          },
        ],
        series: [
          {},
          ...topDown.map((index): uPlot.Series => {
            const fill = () => colours.of(data.series[index]?.token ?? 'debug')
            return {
              fill,
              stroke: fill,
              width: 0,
              points: { show: false },
              paths: uPlot.paths.bars?.({ size: [0.8, 28], align: 1 }),
            }
          }),
        ],
        hooks: {
          setCursor: [
            (self) => onHover(self.cursor.left != null && self.cursor.left >= 0 ? barAt(self) : null),
          ],
        },
      },
      piled(data),
      host,
    )
  }

  /** A bar starts at its time: the one under the pointer is the last that has started. */
  function barAt(self: uPlot): number | null {
    const at = self.posToVal(self.cursor.left ?? 0, 'x')
    const bar = Math.floor((at - (data.starts[0] ?? 0)) / data.stepSeconds)
    return bar >= 0 && bar < data.starts.length ? bar : null
  }

  const resized = new ResizeObserver(() =>
    plot.setSize({ width: host.clientWidth, height: host.clientHeight }),
  )
  resized.observe(host)
  const stopListening = onThemeChange(() => {
    colours.forget()
    plot.redraw(true)
  })

  return {
    update(next) {
      const sameShape =
        next.series.map(({ token }) => token).join() === data.series.map(({ token }) => token).join()
      data = next
      if (sameShape) return plot.setData(piled(data))
      plot.destroy()
      plot = build()
    },
    destroy() {
      stopListening()
      resized.disconnect()
      plot.destroy()
      colours.forget()
    },
  }
}

function span({ starts, stepSeconds }: ChartData): [number, number] {
  const first = starts[0] ?? 0
  return [first, (starts.at(-1) ?? first) + stepSeconds]
}

/** Running sums from the bottom up, in drawing order. */
function piled({ starts, series }: ChartData): uPlot.AlignedData {
  const sums: number[][] = []
  let below = starts.map(() => 0)
  for (const { values } of series) {
    below = below.map((sum, bar) => sum + (values[bar] ?? 0))
    sums.push(below)
  }
  return [starts, ...sums.reverse()]
}

const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' })

/** The time within a day, and the date where a new day starts. */
function timeLabels(_plot: uPlot, splits: number[]): string[] {
  return splits.map((seconds) => {
    const date = new Date(seconds * 1000)
    return date.getHours() === 0 && date.getMinutes() === 0 ? DAY.format(date) : CLOCK.format(date)
  })
}

/** Resolves tokens to colours for a canvas; an element resolves `light-dark()`. */
class Colours {
  private readonly known = new Map<string, string>()

  constructor(private readonly host: HTMLElement) {}

  of(token: string): string {
    const known = this.known.get(token)
    if (known) return known
    const probe = document.createElement('i')
    probe.style.color = `var(--${token})`
    this.host.append(probe)
    const colour = getComputedStyle(probe).color
    probe.remove()
    this.known.set(token, colour)
    return colour
  }

  forget() {
    this.known.clear()
  }
}
