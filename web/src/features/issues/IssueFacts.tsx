import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { IssueDetail } from '@/api/model'
import { grouped } from '@/components/format'
import { Card } from '@/components/states'
import { Time } from '@/components/Time'

export function IssueFacts({ issue }: { issue: IssueDetail }) {
  return (
    <aside className="issue__aside" aria-label="About this issue">
      <Card title="Facts">
        <dl className="facts">
          <Fact name="Events">
            <b>{grouped(issue.events)}</b>
          </Fact>
          <Fact name="Last seen">
            <Time at={issue.last_seen} />
          </Fact>
          <Fact name="First seen">
            <Time at={issue.first_seen} />
          </Fact>
          <Fact name="Sources">
            {issue.sources.map(({ id, name }) => (
              <Link key={id} to="/sources/$id" params={{ id }} className="facts__line">
                {name}
              </Link>
            ))}
          </Fact>
          {issue.culprit && (
            <Fact name="Culprit">
              <code>{issue.culprit}</code>
            </Fact>
          )}
        </dl>
      </Card>
      <Card title="How events are grouped">
        <dl className="facts facts--tall">
          {issue.fingerprints.map(({ fingerprint, template, version }) => (
            <div key={`${version}-${fingerprint}`}>
              <dt>Template</dt>
              <dd>
                <code>{template}</code>
              </dd>
              <dt>Fingerprint</dt>
              <dd>
                <code className="faint">
                  {fingerprint} · v{version}
                </code>
              </dd>
            </div>
          ))}
        </dl>
      </Card>
    </aside>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}
