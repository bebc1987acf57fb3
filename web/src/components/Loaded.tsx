import type { ReactNode } from 'react'
import { ErrorNotice, ErrorState, SkeletonRows } from './states'

type Asked<T> = { data: T | undefined; error: unknown; isPending: boolean; refetch: () => unknown }

/**
 * The result of a query: placeholders while it loads, the error if there is nothing to show, and the last data with a
 * note if only the latest refresh failed.
 */
export function Loaded<T>({
  query,
  what,
  skeleton,
  children,
}: {
  query: Asked<T>
  what: string
  skeleton?: ReactNode
  children: (data: T) => ReactNode
}) {
  const { data, error, isPending, refetch } = query
  if (data !== undefined) {
    return (
      <>
        {error ? <ErrorNotice error={error} retry={() => refetch()} /> : null}
        {children(data)}
      </>
    )
  }
  if (isPending) return skeleton ?? <SkeletonRows what={what.toLowerCase()} />
  return <ErrorState error={error} retry={() => refetch()} what={what} />
}
