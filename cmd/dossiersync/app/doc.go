// Package app is the application: it builds the parts of dossiersync as a
// [config.Config] asks, and runs them in one process. The commands, the acceptance tests
// and the bench all use it, and no other package connects the parts.
//
// # Building
//
// [LoadConfig] reads the configuration. [OpenDatabase] finds the database, or starts
// the private PostgreSQL, and [Database.Open] connects to it as the worker. [NewSyncer]
// builds what brings tenants up to date, and [NewSource] the source of one tenant.
// [OpsTenant] is a tenant as operators see it.
//
// # Running the service
//
// An [App] is the worker, the portal API and the operators' listener, or one of them
// ([Options.Only]), with the health and metrics listener of that one. [New] opens the
// database and binds every listener, so that a wrong setting fails before anything
// runs. [App.Run] runs all services until its context ends or one of them fails; the
// worker then gives its runs back, and requests in flight are answered. The access log
// ends after the services, which write to it. [App.Close] releases what New opened,
// the last first.
//
// Secrets and certificates are read each time they are used, so that they can be renewed
// while the service runs.
//
// # What it leaves to its callers
//
// Exit codes, signals other than SIGUSR1, and everything that is printed for people. A
// mistake of the operator is a [UsageError] or [config.Faults].
package app
