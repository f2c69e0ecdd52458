// Package embedded runs a private PostgreSQL from installed binaries, for trying dossiersync out and
// for tests.
//
// # Sharing
//
// A server belongs to a folder and is shared by all processes that call [Start] with the folder. Each
// process holds a shared flock on users.lock while it uses the server. Starting, joining and leaving
// happen one at a time, under an exclusive flock on start.lock, the gate: the first process starts the
// server and the last one stops it. The kernel releases the locks of a process that dies, so a killed
// process neither stops the server nor keeps it running after the next process has left. The server has
// a session of its own, which Ctrl-C does not reach. A server that is killed is started again by the
// next Start. The processes must see each other's process ids, so two containers cannot share a server.
//
// # Files
//
// The folder holds, besides the locks:
//
//	pgdata/     the cluster, made by initdb
//	run/        the socket; if its path would be too long, a folder below os.TempDir() has it
//	password    of the superuser, dossiersync
//	server.log  the server's log; the previous 8 MiB are in server.log.old
//	cluster     only for a server of root: a link to the folder that has all of these
//
// # Users
//
// PostgreSQL refuses to run as root. Root's server runs as the folder's owner or, if that is root, as
// the user postgres or else nobody; Start gives the folder to that user. If the user cannot reach the
// folder, for example below a /root of mode 0700, the cluster is in a folder of its own in
// /var/lib/dossiersync, and the link cluster points to it. The folder there has a file, home, with the
// path of the folder that was asked for. After that one is deleted, the cluster may be deleted by hand;
// if it was a temporary folder, the cluster is deleted by itself.
//
// The server listens on a unix socket only, in a folder that only its user and root may enter, and
// every role needs its password.
package embedded
