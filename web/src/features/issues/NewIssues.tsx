import type { IssueFilter } from '@/api/issues'
import { useNewIssues } from '@/api/live/newIssues'
import type { Issue } from '@/api/model'
import { Button } from '@/components/Button'
import { counted } from '@/components/format'

/** Offers new issues above the list without moving it: a row must not move under a finger. */
export function NewIssues({
  filter,
  readAt,
  shown,
  onShow,
}: {
  filter: IssueFilter
  readAt: number
  shown: Issue[]
  onShow: () => void
}) {
  const count = useNewIssues(filter, readAt, shown)
  return (
    <div className="new-issues" role="status">
      {count > 0 && (
        <Button look={['primary', 'small']} onClick={onShow}>
          Show {counted(count, 'new issue')}
        </Button>
      )}
    </div>
  )
}
