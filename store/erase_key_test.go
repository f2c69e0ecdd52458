package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/tern/v2/migrate"

	"dossiersync/store"
	"dossiersync/store/storetest"
)

// Clients that were erased by a version without keys stay erased, under a key, and grants stored on them
// since then are removed.
func TestMigrationKeysOldErasures(t *testing.T) {
	t.Parallel()
	plain := sha256.Sum256([]byte("erasure\x00amaris\x00gewist-é\x00"))
	url := storetest.URL(t, store.SchemaFingerprint()+" without keys", func(ctx context.Context, url string) error {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		m, err := migrate.NewMigrator(ctx, conn, "public.dossiersync_schema_version")
		if err != nil {
			return err
		}
		if err := m.LoadMigrations(os.DirFS("migrations")); err != nil {
			return err
		}
		if err := m.MigrateTo(ctx, 10); err != nil {
			return err
		}
		for _, sql := range []string{
			`INSERT INTO tenants (id, name, timezone) VALUES ('amaris', 'Amaris', 'Europe/Amsterdam')`,
			`INSERT INTO grants (tenant, client, user_id, role, parts, state, updated_by)
				SELECT 'amaris', c, 'u', 'client', '{}', 'accepted', 'x'
				FROM unnest('{gewist-é,blijft}'::text[]) c`,
		} {
			if _, err := conn.Exec(ctx, sql); err != nil {
				return err
			}
		}
		_, err = conn.Exec(ctx, `INSERT INTO erasures (tenant, client, by) VALUES ('amaris', $1, 'beheer')`, plain[:])
		return err
	})
	if _, err := store.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	keys, err := st.ErasureKeys(t.Context())
	if err != nil || len(keys) != 1 {
		t.Fatalf("there are %d keys, %v", len(keys), err)
	}
	var erased, granted string
	var digest []byte
	err = st.RiverPool().QueryRow(t.Context(), `SELECT
		(SELECT string_agg(c, ' ') FROM erased_among('amaris', '{blijft,gewist-é,iemand}') c),
		(SELECT string_agg(client, ' ') FROM grants), (SELECT client FROM erasures)`).Scan(&erased, &granted, &digest)
	if err != nil || erased != "gewist-é" || granted != "blijft" {
		t.Errorf("erased clients are %q, clients with a grant %q, %v", erased, granted, err)
	}
	if want := keys[0].Digest("amaris", "gewist-é"); !bytes.Equal(digest, want) {
		t.Errorf("the digest is %x, want %x", digest, want)
	}
}

func TestErasureKeySurvivesTextForm(t *testing.T) {
	t.Parallel()
	k := store.NewErasureKey()
	if got, err := store.ParseErasureKey(k.String()); err != nil || got != k || got.ID() != k.ID() {
		t.Errorf("key %v is parsed as %v, %v", k.ID(), got.ID(), err)
	}
	for _, s := range []string{"", "x", k.String()[:40], k.String() + "AAAA", k.ID()} {
		if _, err := store.ParseErasureKey(s); err == nil {
			t.Errorf("no error for %q", s)
		}
	}
}
