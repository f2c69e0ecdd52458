// Package acceptance tests the whole product: the built program, real processes,
// PostgreSQL and HTTP, against the care record simulator. The numbers in names
// (TestCase05…) are the cases of docs/design.md. It holds tests only.
package acceptance
