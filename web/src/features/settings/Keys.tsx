import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import type { Key, NewKey, Project } from '@/api/model'
import { addKey, keysQuery, revokeKey } from '@/api/projects'
import { Button } from '@/components/Button'
import { Loaded } from '@/components/Loaded'
import { Snippet } from '@/components/Snippet'
import { Card, EmptyState, ErrorNotice, SkeletonRows } from '@/components/states'
import { Time } from '@/components/Time'
import '@/components/table.css'

/** The keys of a project. A secret is shown only when its key is created. */
export function Keys({ project }: { project: Project }) {
  const queryClient = useQueryClient()
  const query = useQuery(keysQuery(project.slug))
  const [made, setMade] = useState<NewKey | null>(null)
  const add = useMutation({
    mutationFn: (name: string) => addKey(project.slug, name),
    onSuccess: async (key) => {
      setMade(key)
      await queryClient.invalidateQueries({ queryKey: ['keys', project.slug] })
    },
  })

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = event.currentTarget
    add.mutate(String(new FormData(form).get('name')).trim(), { onSuccess: () => form.reset() })
  }

  return (
    <Card title={`Project keys of ${project.name}`} flush>
      {made && (
        <div className="settings__made" role="status">
          <p className="small">
            The key <b>{made.name}</b> was created. Copy it now: only its hash is kept, and it is not shown
            again.
          </p>
          <Snippet text={made.secret} label={`Key ${made.name}`} line />
        </div>
      )}
      <Loaded query={query} what="Keys" skeleton={<SkeletonRows what="keys" rows={2} />}>
        {(keys) =>
          keys.length > 0 ? (
            <div className="table-wrap">
              <table className="table">
                <thead>
                  <tr>
                    <th scope="col">Name</th>
                    <th scope="col">Begins with</th>
                    <th scope="col">Created</th>
                    <th scope="col">Last used</th>
                    <th scope="col">
                      <span className="hidden-visually">Actions</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {keys.map((key) => (
                    <KeyRow key={key.id} apiKey={key} project={project} />
                  ))}
                </tbody>
              </table>
            </div>
          ) : (
            <EmptyState icon="settings" title="No keys yet">
              <p>
                Programs need a key to send events to this project. Name one after the program that will use
                it.
              </p>
            </EmptyState>
          )
        }
      </Loaded>
      <form className="settings__form" onSubmit={submit}>
        <input
          className="input"
          name="name"
          aria-label="Name of the new key"
          placeholder="checkout, production"
          required
          maxLength={200}
        />
        <Button type="submit" disabled={add.isPending}>
          Make a key
        </Button>
        <ErrorNotice error={add.error} />
      </form>
    </Card>
  )
}

function KeyRow({ apiKey: key, project }: { apiKey: Key; project: Project }) {
  const queryClient = useQueryClient()
  const [isSure, setIsSure] = useState(false)
  const revoke = useMutation({
    mutationFn: () => revokeKey(project.slug, key.id),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ['keys', project.slug] }),
  })
  return (
    <tr className={key.revoked_at ? 'settings__off' : undefined}>
      <td className="wide">{key.name}</td>
      <td className="mono">{key.secret_hint}</td>
      <td className="muted">
        <Time at={key.created_at} />
      </td>
      <td className="muted">
        <Time at={key.last_used_at} />
      </td>
      <td className="number">
        {key.revoked_at ? (
          <span className="small">revoked</span>
        ) : (
          <Button
            look={['small', 'danger']}
            disabled={revoke.isPending}
            onClick={() => (isSure ? revoke.mutate() : setIsSure(true))}
            onBlur={() => setIsSure(false)}
            aria-label={isSure ? `Really revoke ${key.name}?` : `Revoke ${key.name}`}
          >
            {isSure ? 'Really revoke?' : 'Revoke'}
          </Button>
        )}
        <ErrorNotice error={revoke.error} />
      </td>
    </tr>
  )
}
