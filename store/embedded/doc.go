// Package embedded runs a private PostgreSQL from installed binaries, for
// trying dossiersync out and for tests.
//
// A server belongs to a folder and is shared by every process that calls
// [Start] with it. Each holds a shared flock on users.lock for as long as it
// uses the server; starting, joining and leaving happen one at a time, under an
// exclusive flock on start.lock. So the first to come starts it, the last to
// leave stops it, and since the kernel gives up the locks of who dies, a user
// that was killed neither takes the server along nor keeps it running once the
// next one has left. The server has a session of its own: Ctrl-C passes it by.
//
// The folder holds, besides the locks:
//
//	pgdata/     the cluster, made by initdb
//	run/        the socket; a short folder below os.TempDir() takes its place
//	            where the path would be too long for one
//	password    that of the superuser, dossiersync
//	server.log  what the server says; the previous 8 MiB are in server.log.old
//	cluster     only where root started it: a link to where all of this is
//
// PostgreSQL refuses to run as root. Root's server therefore runs as the
// folder's owner or, where that is root, as the user postgres or else nobody, to
// whom Start gives the folder. Where that user cannot reach the folder, as below
// a /root of mode 0700, the cluster is put in a folder of its own in
// /var/lib/dossiersync and the link cluster remembers which. Deleting the folder
// forgets the cluster; what it left in /var/lib/dossiersync names the folder in
// its file home and may be deleted by hand, except that of a temporary folder,
// which goes by itself.
//
// Nobody else gets in: the server listens on a unix socket only, in a folder
// that only its user and root may enter, and every role needs its password.
//
// The server is not watched: killed, it comes back with the next Start. All its
// users must see each other's processes, so two containers cannot share one.
package embedded
