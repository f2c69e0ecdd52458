// Command demoportal is a sample portal: it draws "Mijn dossier" for clients and their families with
// the portal API, through the generated client and nothing else of dossiersync.
//
// It shows what a portal's server does: it calls the API with the reader's token, shows the age of what
// it draws and why a part is empty, and decides who gives and takes rights. Two things are for the sample
// only: people sign in by choosing a name, and the tokens are signed here instead of by an OpenID
// provider.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

type options struct {
	Listen   string   `help:"The address to listen on; default: ${default}." default:"127.0.0.1:8082" placeholder:"ADDRESS"`
	API      *url.URL `name:"api" help:"The portal API." required:"" placeholder:"URL"`
	People   string   `help:"The file with the organisations and the people who may sign in (JSON)." required:"" placeholder:"FILE"`
	Key      string   `help:"The private key that signs tokens (PEM)." required:"" placeholder:"FILE"`
	Issuer   string   `help:"The issuer of tokens, as in portal_api.auth." required:"" placeholder:"ISSUER"`
	Audience string   `help:"The audience of tokens, as in portal_api.auth." required:"" placeholder:"AUDIENCE"`
}

// exited is panicked with when kong wants to exit, after --help.
type exited int

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	defer func() {
		if e, ok := recover().(exited); ok {
			code = int(e)
		}
	}()
	var o options
	parser, err := kong.New(&o, kong.Name("demoportal"),
		kong.Description(`Draws "Mijn dossier" with the portal API: a sample of a portal.`),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { panic(exited(code)) }))
	if err == nil {
		_, err = parser.Parse(args)
	}
	if err != nil {
		fmt.Fprintln(stderr, "demoportal:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, o, stdout, slog.New(slog.NewJSONHandler(stderr, nil))); err != nil {
		fmt.Fprintln(stderr, "demoportal:", err)
		return 1
	}
	return 0
}

// serve runs the portal until ctx ends.
func serve(ctx context.Context, o options, stdout io.Writer, log *slog.Logger) error {
	tokens, err := newIssuer(o.Key, o.Issuer, o.Audience)
	if err != nil {
		return err
	}
	people, err := readPeople(o.People)
	if err != nil {
		return err
	}
	p := newPortal(o.API.String(), tokens, people, log)
	if err := p.findInvited(ctx); err != nil {
		return fmt.Errorf("look for people who were invited before: %w", err)
	}
	ln, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	fmt.Fprintf(stdout, "Mijn dossier: http://%s/\n", ln.Addr())
	server := &http.Server{Handler: p.handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ln) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err = server.Shutdown(drain)
	if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
		return cmp.Or(err, served)
	}
	return err
}
