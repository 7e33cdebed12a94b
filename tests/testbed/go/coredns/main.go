// Command coredns is CoreDNS with the plugins that a cluster without an upstream resolver needs;
// leaving out the plugins for the clouds saves most of the build.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"
)

// The order of directives is the order in which plugins see a query: with upstream's order a
// catch-all template would answer before kubernetes does.
func init() {
	dnsserver.Directives = []string{
		"health", "ready", "prometheus", "errors", "cache", "loadbalance", "kubernetes", "template",
	}
}

func main() { coremain.Run() }
