package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// firstLoad compares a first load with its lower bound: COPY of the same finished rows
// into the same empty tables with their indexes and constraints, one COPY for each table,
// in one transaction.
func firstLoad() row {
	return row{name: "B1", what: "first load against COPY of its finished rows", goal: 0.65,
		tried: "items, references and accounting by COPY, without look-ups while a type is new; items rendered while " +
			"PostgreSQL copies; statements of a batch pipelined; codes and staff remembered. The rest is decoding and " +
			"rendering, table seen, and the look-ups of names",
		measure: func(ctx context.Context, s *setup) (result, error) {
			var loads, copies []measure
			var rows []table
			for range s.times {
				m, err := s.load(ctx, s.many)
				if err != nil {
					return result{}, err
				}
				loads = append(loads, m)
				if rows == nil {
					if rows, err = readTables(ctx, s.loaded[s.many]); err != nil {
						return result{}, err
					}
				}
				copied, err := s.copyTables(ctx, rows)
				if err != nil {
					return result{}, err
				}
				copies = append(copies, copied)
			}
			load, spread := fastest(loads)
			copied, spreadCopies := fastest(copies)
			bytes, err := bytesPerItem(ctx, s.loaded[s.many], s.many)
			if err != nil {
				return result{}, err
			}
			return result{
				ratio: copied.Took.Seconds() / load.Took.Seconds(), noise: max(spread, spreadCopies),
				phases: load.Phases,
				notes: []string{
					fmt.Sprintf("load %s, %s; %d items, %d MB, %d requests, %d statements", seconds(load.Took),
						load.processor(), load.Items, load.Bytes>>20, load.Requests, load.Statements),
					fmt.Sprintf("COPY %s, %s", seconds(copied.Took), copied.processor()),
					bytes,
				},
			}, nil
		}}
}

// A table is a table of the replica after a load.
type table struct {
	name    string
	columns []string
	rows    [][]any
}

// loadedTables are the tables that a load fills, apart from the records of the run.
var loadedTables = []string{"clients", "contacts", "items", "refs", "definitions", "replacements"}

// readTables returns the rows after a load, in their physical order.
func readTables(ctx context.Context, url string) ([]table, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var all []table
	for _, name := range loadedTables {
		rows, err := conn.Query(ctx, "SELECT * FROM "+name+" ORDER BY ctid")
		if err != nil {
			return nil, err
		}
		t := table{name: name}
		for _, f := range rows.FieldDescriptions() {
			t.columns = append(t.columns, f.Name)
		}
		for rows.Next() {
			values, err := copyValues(rows)
			if err != nil {
				return nil, err
			}
			t.rows = append(t.rows, values)
		}
		if rows.Err() != nil {
			return nil, rows.Err()
		}
		all = append(all, t)
	}
	return all, nil
}

// copyValues returns a row as the program itself passes it to COPY, with JSON as bytes.
func copyValues(rows pgx.Rows) ([]any, error) {
	list, err := rows.Values()
	if err != nil {
		return nil, err
	}
	for i, f := range rows.FieldDescriptions() {
		if raw := rows.RawValues()[i]; f.DataTypeOID == jsonOID && raw != nil { // JSON's null is a value too
			list[i] = append([]byte{}, raw...)
		}
	}
	return list, nil
}

const jsonOID = 114

// copyTables copies the rows into the empty tables of a new database.
func (s *setup) copyTables(ctx context.Context, all []table) (m measure, err error) {
	url, err := s.database(ctx, "bench_copy")
	if err != nil {
		return m, err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return m, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	const tenant = `INSERT INTO tenants (id, name, timezone) VALUES ($1, 'Bench', 'Europe/Amsterdam')`
	if _, err := conn.Exec(ctx, tenant, tenantID); err != nil {
		return m, err
	}
	began, before, database := time.Now(), cpu(), s.databaseCPU()
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, t := range all {
			if _, err := tx.CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, pgx.CopyFromRows(t.rows)); err != nil {
				return fmt.Errorf("copy %s: %w", t.name, err)
			}
		}
		return nil
	})
	m.Took, m.CPU, m.Database = time.Since(began), cpu()-before, s.databaseCPU()-database
	return m, err
}

// bytesPerItem returns as text how much room a loaded item takes on the disk.
func bytesPerItem(ctx context.Context, url string, items int) (string, error) {
	const q = `
		SELECT sum(pg_table_size(t::regclass))::bigint / $2, sum(pg_indexes_size(t::regclass))::bigint / $2
		FROM unnest($1::text[]) t`
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var table, index int64
	if err := conn.QueryRow(ctx, q, loadedTables, items).Scan(&table, &index); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d bytes an item, and %d bytes of indexes", table, index), nil
}
