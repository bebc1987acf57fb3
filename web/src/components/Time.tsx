import { useNow } from './clock'
import { absolute, relative } from './format'

/** A relative time, with the exact one on hover and for machines. */
export function Time({ at, fallback = 'never' }: { at: string | null | undefined; fallback?: string }) {
  const now = useNow()
  if (!at) return <span className="faint">{fallback}</span>
  return (
    <time dateTime={at} title={absolute(at)}>
      {relative(at, now)}
    </time>
  )
}
