import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useLocation, useNavigate } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import { sessionQuery, setUp, setupQuery } from '@/api/session'
import { Button } from '@/components/Button'
import { Field } from '@/components/Field'
import { ErrorNotice } from '@/components/states'

/** The form for the first admin. The one-time token is after the # of the link, so that it reaches no server log. */
export function MakeAdmin() {
  const queryClient = useQueryClient()
  const navigate = useNavigate()
  const hash = useLocation({ select: (location) => location.hash })
  const [linked] = useState(() => tokenIn(hash))
  const make = useMutation({
    mutationFn: (form: FormData) => {
      const field = (name: string) => String(form.get(name) ?? '').trim()
      const token = linked ?? tokenIn(field('link')) ?? field('link')
      return setUp({
        token,
        name: field('name'),
        email: field('email'),
        password: String(form.get('password')),
      })
    },
    onSuccess: async (user) => {
      queryClient.setQueryData(sessionQuery.queryKey, user)
      queryClient.setQueryData(setupQuery.queryKey, { needed: false })
      // Remove the used token from the URL.
      await navigate({ to: '/setup', replace: true })
    },
  })

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    make.mutate(new FormData(event.currentTarget))
  }

  return (
    <form onSubmit={submit}>
      {!linked && (
        <Field
          label="One-time link"
          name="link"
          required
          autoComplete="off"
          hint="The command that started Squall printed it. For a new one, run cargo xtask up again, or squall-api setup-link."
        />
      )}
      <Field
        label="Name"
        name="name"
        autoComplete="name"
        required
        maxLength={200}
        autoFocus={Boolean(linked)}
      />
      <Field label="Email" name="email" type="email" autoComplete="username" required />
      <Field
        label="Password"
        name="password"
        type="password"
        autoComplete="new-password"
        required
        minLength={10}
        maxLength={200}
        hint="At least 10 characters."
      />
      <ErrorNotice error={make.error} />
      <Button type="submit" look="primary" disabled={make.isPending}>
        {make.isPending ? 'Making the account…' : 'Make the account'}
      </Button>
    </form>
  )
}

/** The token in a link, or in the part after its #. */
function tokenIn(link: string): string | null {
  return new URLSearchParams(link.slice(link.indexOf('#') + 1)).get('token')
}
