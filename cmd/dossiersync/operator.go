package main

import (
	"cmp"
	"fmt"
	"os"
	"os/user"
	"runtime"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"dossiersync/cmd/dossiersync/app"
)

// nobody is who runs a command where nothing tells.
const nobody = "unknown"

// operator names who runs this command, for the record of the run: as they say
// (--by), who they were before sudo, or whose account this is.
func (a *session) operator() (string, error) {
	by := strings.TrimSpace(a.cli.By)
	if utf8.RuneCountInString(by) > 100 || strings.ContainsFunc(by, unicode.IsControl) {
		return "", app.Usagef("--by must be a name on one line, of 100 characters at most")
	}
	account, err := user.Current()
	if err != nil {
		account = &user.User{Username: nobody} // an image without accounts
	}
	return cmp.Or(by, os.Getenv("SUDO_USER"), account.Username, nobody), nil
}

// person is operator for what somebody has to answer for. It warns where that is an
// account that several people or a service use: nobody's name.
func (a *session) person() (string, error) {
	name, err := a.operator()
	if err == nil && isShared(name, user.Lookup) {
		fmt.Fprintf(a.err, "warning: this is recorded under %q, which is no person's name: give yours with --by NAME\n", name)
	}
	return name, err
}

// isShared reports whether the name is that of no person: of an account of the
// system, such as root and the one of the service.
func isShared(name string, lookup func(string) (*user.User, error)) bool {
	if name == nobody || name == "dossiersync" || name == "root" {
		return true
	}
	account, err := lookup(name)
	if err != nil {
		return false // a person needs no account
	}
	first := 1000
	if runtime.GOOS == "darwin" {
		first = 500
	}
	id, err := strconv.Atoi(account.Uid)
	return err == nil && (id < first || account.Username == "nobody")
}
