package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// registerClients keeps the register of clients in step with their items. A
// client who becomes shown is owed a backfill; one who no longer is loses their
// dossier, and for good reasons the grants on it.
func (a *application) registerClients(ctx context.Context) error {
	for _, it := range a.out.clients {
		if err := a.registerClient(ctx, it); err != nil {
			return fmt.Errorf("register a client: %w", err)
		}
	}
	return nil
}

func (a *application) registerClient(ctx context.Context, it *dossier.Item) error {
	const upsert = `
		INSERT INTO clients (tenant, id, state, reason, name, deceased, replaced_by)
		VALUES (@tenant, @id, @state, nullif(@reason, ''), nullif(@name, ''), @deceased, nullif(@replaced_by, ''))
		ON CONFLICT (tenant, id) DO UPDATE SET state = excluded.state, reason = excluded.reason,
			name = excluded.name, deceased = excluded.deceased, replaced_by = excluded.replaced_by,
			since = CASE WHEN clients.state = excluded.state THEN clients.since ELSE now() END`
	c, _ := it.Content.(*dossier.Client)
	if c == nil {
		c = &dossier.Client{}
	}
	name := c.Name
	if it.State != dossier.StateShown {
		name = ""
	}
	was := a.clients[it.ID]
	_, err := a.tx.Exec(ctx, upsert, pgx.StrictNamedArgs{
		"tenant": a.tenant(), "id": it.ID, "state": it.State, "reason": it.Reason,
		"name": name, "deceased": c.Deceased, "replaced_by": c.ReplacedBy})
	if err != nil {
		return err
	}
	switch {
	case it.State == dossier.StateShown && was != dossier.StateShown:
		return a.oweBackfill(ctx, it.ID)
	case it.State != dossier.StateShown && was == dossier.StateShown:
		if err := a.purge(ctx, it); err != nil {
			return err
		}
	}
	if it.State != dossier.StateShown && !mayReturn(it.Reason) {
		return a.revokeGrants(ctx, it.ID)
	}
	return nil
}

// mayReturn reports whether a client who is not shown for this reason finds the
// grants as they were when shown again: out of care, or a record that could not
// be read. Merged, deleted or marked, they do not; grants are never moved.
func mayReturn(r dossier.Reason) bool {
	return r == dossier.HiddenInactive || r == dossier.HiddenQuarantined
}

// oweBackfill notes that the client's whole history is to be read, unless
// nothing that belongs to clients has been read yet: then the first full read
// serves this client too.
func (a *application) oweBackfill(ctx context.Context, client string) error {
	const q = `
		INSERT INTO backfills (tenant, client)
		SELECT @tenant, @client
		WHERE EXISTS (SELECT FROM cursors WHERE tenant = @tenant AND stream = ANY(@streams))
		ON CONFLICT (tenant, client) DO UPDATE SET recheck = false WHERE backfills.recheck`
	var ofClients []dossier.Stream
	for _, s := range dossier.Streams() {
		if s.OfClients() {
			ofClients = append(ofClients, s)
		}
	}
	_, err := a.tx.Exec(ctx, q, pgx.StrictNamedArgs{"tenant": a.tenant(), "client": client, "streams": ofClients})
	return err
}

// emptied is what a row becomes that is hidden after it was shown: nothing of its
// content stays (I6).
const emptied = `state = 'hidden', ` + contentless

const contentless = `card = NULL, body = NULL, model = NULL, kind = NULL, part = NULL, at = NULL,
			category = NULL, open = NULL, ends = NULL, plan = NULL, goal = NULL`

// purge removes the content of a dossier that is no longer shown. Of a client who
// is gone it leaves tombstones.
func (a *application) purge(ctx context.Context, client *dossier.Item) error {
	const refs = `
		DELETE FROM refs r USING items i
		WHERE i.tenant = @tenant AND i.client = @client AND i.stream <> 'clients'
		  AND r.tenant = @tenant AND r.key = i.key`
	const items = `
		UPDATE items SET reason = 'client-hidden', ` + emptied + `
		WHERE tenant = @tenant AND client = @client AND state = 'shown' AND stream <> 'clients'`
	const tombstones = `
		UPDATE items SET state = 'withdrawn', reason = 'purged', ` + contentless + `
		WHERE tenant = @tenant AND client = @client AND state = 'shown' AND stream <> 'clients'`
	const contacts = `DELETE FROM contacts WHERE tenant = @tenant AND client = @client`
	const backfill = `DELETE FROM backfills WHERE tenant = @tenant AND client = @client`
	const raw = `
		UPDATE quarantine SET raw = NULL
		WHERE tenant = @tenant AND client = @client AND stream <> 'clients' AND raw IS NOT NULL`
	left := items
	if client.State == dossier.StateWithdrawn {
		left = tombstones
	}
	for _, q := range []string{refs, left, contacts, backfill, raw} {
		if _, err := a.tx.Exec(ctx, q, pgx.StrictNamedArgs{"tenant": a.tenant(), "client": client.ID}); err != nil {
			return err
		}
	}
	return nil
}

func (a *application) revokeGrants(ctx context.Context, client string) error {
	const q = `
		UPDATE grants SET state = 'revoked', version = version + 1, updated_at = now(), updated_by = @system
		WHERE tenant = @tenant AND client = @client AND state <> 'revoked'`
	_, err := a.tx.Exec(ctx, q, pgx.StrictNamedArgs{"tenant": a.tenant(), "client": client, "system": SystemUser})
	return err
}

// registerContacts keeps the register of contacts, by which grants are checked,
// in step with their items.
func (a *application) registerContacts(ctx context.Context) error {
	const put = `
		INSERT INTO contacts (tenant, id, client, active, ends)
		VALUES (@tenant, @id, @client, @active, @ends)
		ON CONFLICT (tenant, id) DO UPDATE SET client = excluded.client, active = excluded.active, ends = excluded.ends`
	const remove = `DELETE FROM contacts WHERE tenant = @tenant AND id = @id`
	for _, it := range a.out.contacts {
		var err error
		if c, ok := it.Content.(*dossier.Contact); ok && it.State == dossier.StateShown {
			_, err = a.tx.Exec(ctx, put, pgx.StrictNamedArgs{"tenant": a.tenant(), "id": it.ID,
				"client": it.Client, "active": c.Active, "ends": dateOrNull(c.Ends)})
		} else {
			_, err = a.tx.Exec(ctx, remove, pgx.StrictNamedArgs{"tenant": a.tenant(), "id": it.ID})
		}
		if err != nil {
			return fmt.Errorf("register a contact: %w", err)
		}
	}
	return nil
}
