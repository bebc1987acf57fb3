import { useMutation, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { newestIssueQuery } from '@/api/issues'
import { atLeast, type NewKey, type Project } from '@/api/model'
import { EAGER_POLL_MS } from '@/api/polling'
import { addKey } from '@/api/projects'
import { sessionQuery } from '@/api/session'
import { Button, buttonClass } from '@/components/Button'
import { Icon } from '@/components/Icon'
import { Snippet } from '@/components/Snippet'
import { ErrorNotice } from '@/components/states'
import './setup.css'
import { SNIPPETS } from './snippets'
import { WatchFile } from './WatchFile'

/** A key, ways to send a first event with it, and a notice when it arrives. */
export function FirstEvent({ project }: { project: Project }) {
  const { data: user } = useQuery(sessionQuery)
  const [key, setKey] = useState<NewKey | null>(null)
  return (
    <div className="first">
      <Arrival project={project} />
      <section className="first__part" aria-labelledby="first-key">
        <h2 id="first-key">A project key</h2>
        {key ? (
          <>
            <p className="small muted">
              Copy it now: Squall keeps only its hash, so this is the one time it is shown. More keys are
              under Settings.
            </p>
            <Snippet text={key.secret} label="Project key" line />
          </>
        ) : atLeast(user, 'admin') ? (
          <GetKey project={project} onKey={setKey} />
        ) : (
          <p className="small muted">
            An admin makes project keys. Ask for one and put it in place of $SQUALL_KEY below.
          </p>
        )}
      </section>
      <WaysToSend
        project={project}
        secret={key?.secret ?? '$SQUALL_KEY'}
        mayAddSource={atLeast(user, 'admin')}
      />
    </div>
  )
}

function GetKey({ project, onKey }: { project: Project; onKey: (key: NewKey) => void }) {
  const get = useMutation({ mutationFn: () => addKey(project.slug, 'first key'), onSuccess: onKey })
  return (
    <>
      <p className="small muted">Programs show it when they send events. It can send, and do nothing else.</p>
      <div>
        <Button look="primary" disabled={get.isPending} onClick={() => get.mutate()}>
          {get.isPending ? 'Getting a key…' : 'Get a key'}
        </Button>
      </div>
      <ErrorNotice error={get.error} />
    </>
  )
}

function WaysToSend({
  project,
  secret,
  mayAddSource,
}: {
  project: Project
  secret: string
  mayAddSource: boolean
}) {
  const ways = [...SNIPPETS.map(({ name }) => name), 'Log file']
  const [way, setWay] = useState(ways[0])
  const snippet = SNIPPETS.find(({ name }) => name === way)
  return (
    <section className="first__part" aria-labelledby="first-send">
      <h2 id="first-send">Send an event</h2>
      <div className="segments first__ways" role="tablist" aria-labelledby="first-send">
        {ways.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`way-${name}`}
            aria-controls="way"
            aria-selected={name === way}
            onClick={() => setWay(name)}
          >
            {name}
          </button>
        ))}
      </div>
      <div id="way" role="tabpanel" aria-labelledby={`way-${way}`} className="first__part">
        {snippet ? (
          <>
            <p className="small muted">{snippet.intro}</p>
            <Snippet text={snippet.text(location.origin, secret)} label={`${snippet.name} example`} />
          </>
        ) : (
          <WatchFile project={project} mayAdd={mayAddSource} />
        )}
      </div>
    </section>
  )
}

/** Polls until an issue exists, then links to it. */
function Arrival({ project }: { project: Project }) {
  const { data: issue, error } = useQuery(newestIssueQuery(project.slug, EAGER_POLL_MS))
  return (
    <div className={issue ? 'arrival arrival--here' : 'arrival'} role="status">
      {issue ? (
        <>
          <Icon name="check" size={20} />
          <div className="arrival__words">
            <b>Your first event is here</b>
            <span className="ellipsis">{issue.title}</span>
          </div>
          <Link
            to="/issues/$id"
            params={{ id: issue.id }}
            search={{ project: project.slug }}
            className={buttonClass('primary')}
          >
            Open the issue
          </Link>
        </>
      ) : (
        <>
          <span className="arrival__pulse" aria-hidden="true" />
          <div className="arrival__words">
            <b>Waiting for your first event…</b>
            <span>
              {error
                ? 'Squall cannot be reached at the moment; this page keeps trying.'
                : 'This page notices it automatically.'}
            </span>
          </div>
        </>
      )}
    </div>
  )
}
