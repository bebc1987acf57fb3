import { useMemo } from 'react'
import { LEVELS, type Level, type Statistics } from '@/api/model'
import { Chart, type ChartData } from '@/components/chart/Chart'
import { RANGE_WORDS, type Range } from '@/components/ranges'

/** Always shown, so that the legend does not change its shape. */
const ALWAYS: Level[] = ['error', 'warning', 'info']

/** Events over time. The most severe levels are next to the axis, where they are easiest to compare. */
export function VolumeChart({
  statistics: { volume, step_seconds },
  range,
}: {
  statistics: Statistics
  range: Range
}) {
  const data = useMemo<ChartData>(() => {
    const series = LEVELS.map((level) => ({
      label: level,
      token: level,
      values: volume.map(({ levels }) => (levels as Partial<Record<Level, number>>)[level] ?? 0),
    }))
    return {
      starts: volume.map(({ at }) => Date.parse(at) / 1000),
      stepSeconds: step_seconds,
      series: series.filter(
        ({ token, values }) => ALWAYS.includes(token) || values.some((value) => value > 0),
      ),
    }
  }, [volume, step_seconds])
  return <Chart data={data} label={`Events by level in the last ${RANGE_WORDS[range]}`} />
}
