import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { FormEvent } from 'react'
import type { Project } from '@/api/model'
import { addFileSource } from '@/api/sources'
import { Button } from '@/components/Button'
import { Field } from '@/components/Field'
import { ErrorNotice } from '@/components/states'

/** Reading a log file instead of sending events, without a change to the program. */
export function WatchFile({ project, mayAdd }: { project: Project; mayAdd: boolean }) {
  const queryClient = useQueryClient()
  const add = useMutation({
    mutationFn: (glob: string) => addFileSource(project.slug, glob.split('/').at(-1) || glob, glob),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ['sources'] }),
  })

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    add.mutate(String(new FormData(event.currentTarget).get('glob')).trim())
  }

  if (!mayAdd) return <p className="small muted">Only an admin can add a file source.</p>
  if (add.data) {
    return (
      <div className="stack-s">
        <p className="notice notice--good">
          Squall watches the file from now on. The next line that is written shows here.
        </p>
        <Link to="/sources" search={{ project: project.slug }} className="small">
          See all sources
        </Link>
      </div>
    )
  }
  return (
    <form className="setup-form" onSubmit={submit}>
      <p className="small muted">
        Nothing needs to change in the program. Rotation, truncation and stack traces of several lines are
        followed.
      </p>
      <Field
        label="Files on the machine Squall runs on"
        name="glob"
        required
        pattern="/.*"
        title="A path that begins with /"
        placeholder="/var/log/app/*.log"
        spellCheck={false}
        autoCapitalize="off"
      />
      <ErrorNotice error={add.error} />
      <div>
        <Button type="submit" look="primary" disabled={add.isPending}>
          {add.isPending ? 'Adding…' : 'Watch these files'}
        </Button>
      </div>
    </form>
  )
}
