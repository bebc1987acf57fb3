import { useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import type { LiveCounts, LiveIssue } from '../model'
import { noteNewIssue } from './newIssues'
import { patcher } from './patch'
import { keepStream } from './stream'

/** Keeps what pages show up to date while the component is mounted. Used once for a tab, by the shell. */
export function useLiveUpdates(): void {
  const queryClient = useQueryClient()
  useEffect(() => {
    const patch = patcher(queryClient)
    const close = keepStream({
      stale: patch.stale,
      message(name, data) {
        if (name === 'resync') return patch.stale()
        if (name === 'counts') return patch.counts(JSON.parse(data) as LiveCounts)
        const issue = JSON.parse(data) as LiveIssue
        if (name === 'issue.new') noteNewIssue(issue)
        patch.issue(issue, name === 'issue.new')
      },
    })
    return () => {
      close()
      patch.stop()
    }
  }, [queryClient])
}
