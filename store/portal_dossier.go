package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// Role is what a user is to a client.
type Role string

// The roles.
const (
	RoleClient         Role = "client"
	RoleContact        Role = "contact"
	RoleRepresentative Role = "representative"
)

// Dossier is a dossier that the user may open: the user has a grant on its client that counts today.
type Dossier struct {
	Client       string
	Name         string
	Role         Role
	Manager      bool // the user may see the access log and the contacts
	Parts        []dossier.Part
	GrantVersion int64
	Deceased     bool    // the client has died, which ends reading
	Change       int64   // rises whenever readers would see something else
	UserName     *string // the user's own name, as the portal gave it with the grant
}

// May reports whether the user has a right to the part.
func (d *Dossier) May(p dossier.Part) bool {
	return slices.Contains(d.Parts, p)
}

// listMax is the length of a page of every list except those of items.
const listMax = 1000

// Dossiers returns the dossiers that the user may open, ordered by client and beginning after the
// given client; at most [listMax], and whether there are more. The standing is that of the tenant's
// clients.
func (p *Portal) Dossiers(
	ctx context.Context, id Identity, after string,
) (Standing, []Dossier, bool, error) {
	const q = identify + `
		WHERE d.client > @after
		ORDER BY d.client
		LIMIT @limit`
	var s Standing
	var list []Dossier
	args := id.args("", "")
	args["after"], args["limit"] = after, listMax+1
	err := p.inBatch(ctx, func(b *pgx.Batch) {
		b.Queue(q, args).Query(collect(&list, pgx.RowToStructByPos[Dossier]))
		queueStanding(b, id, "", &s)
	})
	if err != nil {
		return Standing{}, nil, false, fmt.Errorf("read dossiers: %w", err)
	}
	list, more := cut(list, listMax)
	return s, list, more, nil
}

// PartCount is the number of items of one kind in a dossier that the user may read.
type PartCount struct {
	Kind   dossier.Kind
	Count  int64
	Newest *time.Time
}

// queueCounts adds the statement that counts the items that the current user may read.
func queueCounts(b *pgx.Batch, id Identity, client string, counts *[]PartCount) {
	q := `
		SELECT i.kind, count(*), max(i.at)
		FROM items i
		WHERE i.tenant = @tenant
		  AND i.client = @client
		  AND i.kind IN ('report', 'form', 'care-plan')
		  AND ` + readable + `
		GROUP BY i.kind`
	args := pgx.StrictNamedArgs{"tenant": id.Tenant, "client": client}
	b.Queue(q, args).Query(collect(counts, pgx.RowToStructByPos[PartCount]))
}

// Dossier returns the standing of one dossier and the number of its items by kind.
func (p *Portal) Dossier(
	ctx context.Context, id Identity, client string,
) (Standing, []PartCount, error) {
	var s Standing
	var counts []PartCount
	err := p.read(ctx, id, client, &s, func(b *pgx.Batch) {
		queueStanding(b, id, client, &s)
		queueCounts(b, id, client, &counts)
	})
	if err != nil {
		return Standing{}, nil, fmt.Errorf("read a dossier: %w", err)
	}
	return s, counts, nil
}
