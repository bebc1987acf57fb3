import { useEffect, useRef, useState } from 'react'
import { absolute, compact, counted } from '../format'
import '../marks.css'
import './chart.css'
import type { Plot } from './plot'

type ChartSeries = {
  label: string
  /** The token of its colour: `error` means `--error`. */
  token: string
  values: number[]
}

export type ChartData = {
  /** The start of each bar, in seconds. */
  starts: number[]
  stepSeconds: number
  /** Stacked from the axis upwards. */
  series: ChartSeries[]
}

/**
 * Stacked bars over time. The legend shows the values under the pointer. The drawing library is a separate chunk, and the
 * page does not shift when it arrives.
 */
export function Chart({
  data,
  label,
  height = 'tall',
}: {
  data: ChartData
  label: string
  height?: 'tall' | 'low'
}) {
  const host = useRef<HTMLDivElement>(null)
  const plot = useRef<Plot | null>(null)
  const latest = useRef(data)
  const [hovered, setHovered] = useState<number | null>(null)
  latest.current = data

  useEffect(() => {
    let gone = false
    void import('./plot').then(({ createPlot }) => {
      if (gone || !host.current) return
      plot.current = createPlot(host.current, latest.current, setHovered)
    })
    return () => {
      gone = true
      plot.current?.destroy()
      plot.current = null
    }
  }, [])

  useEffect(() => plot.current?.update(data), [data])

  const total = (values: number[]) => values.reduce((sum, value) => sum + value, 0)
  const shown = hovered !== null && data.starts[hovered] !== undefined ? hovered : null
  const all = data.series.map(({ values }) => total(values))
  const start = shown === null ? null : (data.starts[shown] ?? 0) * 1000
  return (
    <figure className={`chart chart--${height}`}>
      <figcaption className="chart__head">
        <span>{start === null ? `${counted(total(all), 'event')} in all` : absolute(start)}</span>
        <ul className="chart__legend">
          {/* A single series needs no legend, only its value under the pointer. */}
          {(data.series.length > 1 || shown !== null ? data.series : []).map(
            ({ label, token, values }, index) => (
              <li key={label}>
                <span className={`swatch level--${token}`} aria-hidden="true" />
                {label} <b>{compact(shown === null ? (all[index] ?? 0) : (values[shown] ?? 0))}</b>
              </li>
            ),
          )}
        </ul>
      </figcaption>
      <div ref={host} className="chart__plot" role="img" aria-label={`${label}. ${summary(data)}`} />
    </figure>
  )
}

/** The chart in one sentence, for screen readers. */
function summary({ series, starts }: ChartData): string {
  const bars = starts.map((_, bar) => series.reduce((sum, { values }) => sum + (values[bar] ?? 0), 0))
  const total = bars.reduce((sum, value) => sum + value, 0)
  if (total === 0) return 'No events.'
  const peak = bars.indexOf(Math.max(...bars))
  return `${counted(total, 'event')}; the most, ${bars[peak]}, at ${absolute((starts[peak] ?? 0) * 1000)}.`
}
