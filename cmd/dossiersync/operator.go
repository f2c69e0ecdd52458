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

// unknownOperator is recorded if the operator has neither a name nor an account.
const unknownOperator = "unknown"

// operator returns the name under which what this command does is recorded: --by, else
// the account before sudo, else the account.
func (a *session) operator() (string, error) {
	by := strings.TrimSpace(a.cli.By)
	if utf8.RuneCountInString(by) > 100 || strings.ContainsFunc(by, unicode.IsControl) {
		return "", app.Usagef("--by must be a name of at most 100 characters on one line")
	}
	account, err := user.Current()
	if err != nil {
		account = &user.User{Username: unknownOperator} // an image without accounts
	}
	return cmp.Or(by, os.Getenv("SUDO_USER"), account.Username, unknownOperator), nil
}

// person is operator for commands that a person has to answer for. It warns if the name
// is that of an account of the system, which several people may use.
func (a *session) person() (string, error) {
	name, err := a.operator()
	if err == nil && isShared(name, user.Lookup) {
		fmt.Fprintf(a.err, "warning: this is recorded under %q, which is not a person's name: "+
			"give yours with --by NAME\n", name)
	}
	return name, err
}

// isShared reports whether name is an account of the system, such as root or the
// service's, and not a person.
func isShared(name string, lookup func(string) (*user.User, error)) bool {
	if name == unknownOperator || name == "dossiersync" || name == "root" {
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
