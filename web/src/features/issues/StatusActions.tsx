import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { changeIssue, issueQuery } from '@/api/issues'
import { atLeast, type IssueDetail, type IssueStatus } from '@/api/model'
import { sessionQuery } from '@/api/session'
import { Button } from '@/components/Button'
import { ErrorNotice } from '@/components/states'

const ACTIONS: Record<IssueStatus, [label: string, to: IssueStatus][]> = {
  open: [
    ['Resolve', 'resolved'],
    ['Ignore', 'ignored'],
  ],
  resolved: [['Reopen', 'open']],
  ignored: [['Reopen', 'open']],
}

/** The actions of a member; viewers see that they need the role. */
export function StatusActions({ issue }: { issue: IssueDetail }) {
  const { data: user } = useQuery(sessionQuery)
  const queryClient = useQueryClient()
  const key = issueQuery(issue.id).queryKey
  const change = useMutation({
    mutationFn: (status: IssueStatus) => changeIssue(issue.id, status),
    // The answer has no sources and no latest event, which only the detail has.
    onSuccess: (changed) => {
      queryClient.setQueryData(key, (before) => before && { ...before, ...changed })
      void queryClient.invalidateQueries({ queryKey: ['issues'] })
    },
  })
  if (!atLeast(user, 'member'))
    return <span className="small faint">Members can resolve and ignore issues.</span>
  return (
    <div className="row">
      {ACTIONS[issue.status].map(([label, status], index) => (
        <Button
          key={status}
          look={index === 0 && issue.status === 'open' ? 'primary' : []}
          disabled={change.isPending}
          onClick={() => change.mutate(status)}
        >
          {label}
        </Button>
      ))}
      <ErrorNotice error={change.error} />
    </div>
  )
}
