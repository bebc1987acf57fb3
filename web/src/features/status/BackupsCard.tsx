import { useQuery } from '@tanstack/react-query'
import { backupsQuery } from '@/api/backups'
import type { Drill } from '@/api/model'
import { absolute, bytes, duration, grouped } from '@/components/format'
import { Loaded } from '@/components/Loaded'
import { OkMark } from '@/components/marks'
import { Card, SkeletonRows } from '@/components/states'

/** Backups that were restored and compared. */
export function BackupsCard() {
  const query = useQuery(backupsQuery)
  return (
    <Card title="Backups" flush>
      <Loaded query={query} what="The backups" skeleton={<SkeletonRows what="the backups" rows={2} />}>
        {({ ok, message, drills }) => (
          <ul className="checks">
            <li>
              <h3>Proven</h3>
              <div>
                <p>{message}</p>
              </div>
              <OkMark ok={ok} />
            </li>
            {drills.map((drill) => (
              <DrillRow key={`${drill.backup_id} ${drill.proven_at}`} drill={drill} />
            ))}
          </ul>
        )}
      </Loaded>
    </Card>
  )
}

function DrillRow({ drill }: { drill: Drill }) {
  return (
    <li>
      <h3>{absolute(drill.made_at)}</h3>
      <div>
        <p>
          {drill.ok
            ? `${grouped(drill.rows)} rows restored and compared in ${duration(drill.duration_ms)}.`
            : 'The drill failed: its output and the details in backup_drills say why.'}
        </p>
        <p className="small muted">
          {bytes(drill.bytes)} in {drill.location}, backup {drill.backup_id}.
        </p>
      </div>
      <OkMark ok={drill.ok} />
    </li>
  )
}
