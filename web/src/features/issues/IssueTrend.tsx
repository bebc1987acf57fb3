import { useQuery } from '@tanstack/react-query'
import { Link, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'
import { trendQuery } from '@/api/issues'
import type { Level, Trend } from '@/api/model'
import { Chart, type ChartData } from '@/components/chart/Chart'
import { Loaded } from '@/components/Loaded'
import { HOURS, RANGE_WORDS, SPANS } from '@/components/ranges'
import { Card } from '@/components/states'

/** How often the issue happened in the range from the URL. */
export function IssueTrend({ id, level }: { id: number; level: Level }) {
  const { range = '24h' } = useSearch({ from: '/app/issues/$id' })
  const query = useQuery(trendQuery(id, HOURS[range]))
  const spans = (
    <nav className="segments" aria-label="Span of the trend">
      {SPANS.map((span) => (
        <Link
          key={span}
          to="/issues/$id"
          params={{ id }}
          search={(before) => ({ ...before, range: span === '24h' ? undefined : span })}
          replace
          resetScroll={false}
          activeOptions={{ exact: true }}
          aria-label={`Last ${RANGE_WORDS[span]}`}
        >
          {span}
        </Link>
      ))}
    </nav>
  )
  return (
    <Card title="Trend" side={spans}>
      <Loaded
        query={query}
        what="The trend"
        skeleton={<span className="skeleton skeleton--block" role="status" aria-label="Loading the trend" />}
      >
        {(trend) => <TrendChart trend={trend} level={level} words={RANGE_WORDS[range]} />}
      </Loaded>
    </Card>
  )
}

function TrendChart({ trend, level, words }: { trend: Trend; level: Level; words: string }) {
  const data = useMemo<ChartData>(
    () => ({
      starts: trend.points.map(({ at }) => Date.parse(at) / 1000),
      stepSeconds: trend.step_seconds,
      series: [{ label: 'events', token: level, values: trend.points.map(({ events }) => events) }],
    }),
    [trend, level],
  )
  return <Chart data={data} label={`Events of this issue in the last ${words}`} height="low" />
}
