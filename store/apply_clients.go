package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// registerClients updates table clients from the clients' items. A client that becomes shown
// is owed a backfill. The dossier of a client that is no longer shown is deleted. Grants on
// it stay, and do not count until it is shown again (I5a); only a merge revokes them.
func (a *application) registerClients(ctx context.Context) error {
	for _, it := range a.out.clients {
		if err := a.registerClient(ctx, it); err != nil {
			return fmt.Errorf("register a client: %w", err)
		}
	}
	return nil
}

func (a *application) registerClient(ctx context.Context, it *dossier.Item) error {
	// A client that is shown again after too long, or with another birth date and another family
	// name, may be somebody else: grants from before do not count.
	const upsert = `
		INSERT INTO clients (tenant, id, state, reason, name, sort_name, birth_date, team, deceased,
			replaced_by, gone, birth, family)
		VALUES (@tenant, @id, @state, nullif(@reason, ''), nullif(@name, ''), nullif(@sort_name, ''),
			nullif(@birth_date, ''), nullif(@team, ''), @deceased, nullif(@replaced_by, ''),
			CASE WHEN @state <> 'shown' THEN now() END, @birth, @family)
		ON CONFLICT (tenant, id) DO UPDATE SET
			state = excluded.state,
			reason = excluded.reason,
			name = excluded.name,
			sort_name = excluded.sort_name,
			birth_date = excluded.birth_date,
			team = excluded.team,
			deceased = excluded.deceased,
			replaced_by = excluded.replaced_by,
			since = CASE WHEN clients.state = excluded.state THEN clients.since ELSE now() END,
			gone = CASE WHEN excluded.state <> 'shown' THEN coalesce(clients.gone, now()) END,
			birth = CASE WHEN excluded.state = 'shown' THEN excluded.birth ELSE clients.birth END,
			family = CASE WHEN excluded.state = 'shown' THEN excluded.family ELSE clients.family END,
			(grants_after, grants_void) = (
				SELECT
					CASE WHEN void IS NULL THEN clients.grants_after ELSE now() END,
					coalesce(void, clients.grants_void)
				FROM (SELECT CASE
					WHEN excluded.state <> 'shown' OR clients.gone IS NULL THEN NULL
					WHEN clients.birth <> excluded.birth AND clients.family <> excluded.family
						THEN 'another-person'
					WHEN now() - clients.gone > (SELECT dormant_after FROM tenants WHERE id = @tenant)
						THEN 'dormant'
					END) judged (void))`
	c, _ := it.Content.(*dossier.Client)
	if c == nil {
		c = &dossier.Client{}
	}
	isShown, wasShown := it.State == dossier.StateShown, a.clients[it.ID] == dossier.StateShown
	person := dossier.Client{}
	if isShown {
		person = *c
	}
	_, err := a.tx.Exec(ctx, upsert, pgx.StrictNamedArgs{
		"tenant": a.tenant, "id": it.ID, "state": it.State, "reason": it.Reason,
		"name": person.Name, "sort_name": person.SortName, "birth_date": person.BirthDate, "team": person.Team,
		"deceased": c.Deceased, "replaced_by": c.ReplacedBy,
		"birth": a.identityDigest("birth", c.BirthDate), "family": a.identityDigest("family", c.Family)})
	if err != nil {
		return err
	}
	if isShown && !wasShown {
		return a.oweBackfill(ctx, it.ID)
	}
	if wasShown && !isShown {
		if err := a.deleteDossier(ctx, it); err != nil {
			return err
		}
	}
	if it.Reason == dossier.HiddenMerged {
		return a.revokeGrants(ctx, it.ID)
	}
	return nil
}

// identityDigest returns a digest of a value under the tenant's key, by which a client that is
// shown again is known to be the same person; nil if there is no value.
func (a *application) identityDigest(kind, value string) []byte {
	if value == "" || len(a.identityKey) == 0 {
		return nil
	}
	mac := hmac.New(sha256.New, a.identityKey)
	fmt.Fprintf(mac, "%s\x00%s", kind, strings.ToLower(value))
	return mac.Sum(nil)
}

// oweBackfill queues reading the client's whole history, unless no stream of clients has been
// read yet: the first full read then covers this client too.
func (a *application) oweBackfill(ctx context.Context, client string) error {
	const q = `
		INSERT INTO backfills (tenant, client)
		SELECT @tenant, @client
		WHERE EXISTS (SELECT FROM cursors WHERE tenant = @tenant AND stream = ANY(@streams))
		ON CONFLICT (tenant, client) DO UPDATE SET recheck = false
		WHERE backfills.recheck`
	var streams []dossier.Stream
	for _, s := range dossier.Streams() {
		if s.OfClients() {
			streams = append(streams, s)
		}
	}
	args := pgx.StrictNamedArgs{"tenant": a.tenant, "client": client, "streams": streams}
	_, err := a.tx.Exec(ctx, q, args)
	return err
}

// deleteDossier deletes the content of a dossier that is no longer shown. The items become
// hidden ones, or tombstones if the client's record is withdrawn.
func (a *application) deleteDossier(ctx context.Context, client *dossier.Item) error {
	const ofDossier = `
		WHERE tenant = @tenant AND client = @client AND state = 'shown' AND stream <> 'clients'`
	const refs = `
		DELETE FROM refs r
		USING items i
		WHERE i.tenant = @tenant AND i.client = @client AND i.stream <> 'clients'
		  AND r.tenant = @tenant AND r.key = i.key`
	const hide = `
		UPDATE items SET reason = 'client-hidden', ` + emptied + ofDossier
	const withdraw = `
		UPDATE items SET state = 'withdrawn', reason = 'purged',` + contentless + ofDossier
	const contacts = `
		DELETE FROM contacts
		WHERE tenant = @tenant AND client = @client`
	const backfill = `
		DELETE FROM backfills
		WHERE tenant = @tenant AND client = @client`
	const raw = `
		UPDATE quarantine SET raw = NULL
		WHERE tenant = @tenant AND client = @client AND stream <> 'clients' AND raw IS NOT NULL`
	items := hide
	if client.State == dossier.StateWithdrawn {
		items = withdraw
	}
	args := pgx.StrictNamedArgs{"tenant": a.tenant, "client": client.ID}
	for _, q := range []string{refs, items, contacts, backfill, raw} {
		if _, err := a.tx.Exec(ctx, q, args); err != nil {
			return err
		}
	}
	return nil
}

func (a *application) revokeGrants(ctx context.Context, client string) error {
	const q = `
		UPDATE grants SET
			state = 'revoked',
			version = version + 1,
			updated_at = now(),
			updated_by = @system
		WHERE tenant = @tenant AND client = @client AND state <> 'revoked'`
	args := pgx.StrictNamedArgs{"tenant": a.tenant, "client": client, "system": SystemUser}
	_, err := a.tx.Exec(ctx, q, args)
	return err
}

// registerContacts updates table contacts, against which grants are checked, from the
// contacts' items.
func (a *application) registerContacts(ctx context.Context) error {
	const put = `
		INSERT INTO contacts (tenant, id, client, active, ends)
		VALUES (@tenant, @id, @client, @active, @ends)
		ON CONFLICT (tenant, id) DO UPDATE SET
			client = excluded.client,
			active = excluded.active,
			ends = excluded.ends`
	const remove = `
		DELETE FROM contacts
		WHERE tenant = @tenant AND id = @id`
	for _, it := range a.out.contacts {
		q, args := remove, pgx.StrictNamedArgs{"tenant": a.tenant, "id": it.ID}
		if c, ok := it.Content.(*dossier.Contact); ok && it.State == dossier.StateShown {
			q = put
			args["client"], args["active"], args["ends"] = it.Client, c.Active, dateOrNull(c.Ends)
		}
		if _, err := a.tx.Exec(ctx, q, args); err != nil {
			return fmt.Errorf("register a contact: %w", err)
		}
	}
	return nil
}
