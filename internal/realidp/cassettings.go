package realidp

import (
	"net"
	"strconv"
	"strings"
	"time"
)

func (c *CAS) codeLife() time.Duration {
	if c.options.CodeLife > 0 {
		return c.options.CodeLife
	}
	return 180 * time.Second
}

// settings are CAS's application.properties: French, TLS of its own, mail to the test's mailbox,
// sessions and codes in memory.
func (c *CAS) settings() string {
	host, port, err := net.SplitHostPort(c.mail.SMTPAddr)
	if err != nil { // the mailbox made it
		host, port = "127.0.0.1", "25"
	}
	const boot, servlet = "org.springframework.boot.", "autoconfigure.security.servlet."
	lines := []string{
		"server.address=127.0.0.1",
		"server.port=" + strconv.Itoa(c.port),
		"server.servlet.context-path=/cas",
		"server.servlet.encoding.charset=UTF-8",
		"server.servlet.encoding.force=true",
		"server.ssl.certificate=" + c.dir + "/chain.pem",
		"server.ssl.certificate-private-key=" + c.dir + "/key.pem",
		"server.tomcat.basedir=" + c.dir + "/tomcat",
		"cas.server.name=" + strings.TrimSuffix(c.URL, "/cas"),
		"cas.server.prefix=" + c.URL,
		"cas.standalone.configuration-directory=" + c.dir,
		"cas.locale.default-value=fr",
		"cas.authn.accept.enabled=false",
		"cas.authn.attribute-repository.core.default-attributes-to-release=displayName",
		"cas.authn.oidc.core.issuer=" + c.URL + "/oidc",
		"cas.authn.oidc.jwks.file-system.jwks-file=file:" + c.dir + "/keystore.jwks",
		"cas.authn.passwordless.tokens.mail.from=cas@univ-uness.example",
		"cas.authn.passwordless.tokens.mail.subject=Code",
		"cas.authn.passwordless.tokens.mail.text=${token}",
		"cas.authn.passwordless.tokens.mail.validate-addresses=false",
		"cas.consent.core.active=false",
		"cas.acceptable-usage-policy.core.enabled=true",
		"cas.authn.mfa.simple.mail.from=cas@univ-uness.example",
		"cas.authn.mfa.simple.mail.subject=Second",
		"cas.authn.mfa.simple.mail.attribute-name=email",
		"cas.authn.mfa.simple.mail.text=${token}",
		"cas.interrupt.regex.attribute-name=interrupt",
		"cas.interrupt.regex.attribute-value=yes",
		"cas.service-registry.core.init-from-json=false",
		"spring.mail.host=" + host,
		"spring.mail.port=" + port,
		// What the assembled web application sets, as far as it is needed here.
		"spring.main.allow-bean-definition-overriding=true",
		"spring.main.allow-circular-references=true",
		"spring.main.lazy-initialization=true",
		"spring.aop.proxy-target-class=false",
		"spring.cloud.bootstrap.enabled=false",
		"spring.groovy.template.enabled=false",
		"spring.jmx.enabled=false",
		"spring.mvc.pathmatch.matching-strategy=ant-path-matcher",
		"spring.thymeleaf.encoding=UTF-8",
		"management.defaults.metrics.export.enabled=false",
		"management.health.defaults.enabled=false",
		"logging.level.io.micrometer=ERROR",
		// Its rules would put a login of Spring's own before CAS's.
		"spring.autoconfigure.exclude=" + boot + servlet + "SecurityAutoConfiguration," +
			boot + servlet + "SecurityFilterAutoConfiguration," +
			boot + servlet + "UserDetailsServiceAutoConfiguration," +
			boot + "actuate." + servlet + "ManagementWebSecurityAutoConfiguration",
	}
	if c.options.FlowLife > 0 {
		lines = append(lines, "cas.webflow.session.storage=true", "server.servlet.session.timeout="+strconv.Itoa(int(c.options.FlowLife/time.Second))+"s")
	}
	if c.options.Throttle {
		lines = append(lines, "cas.authn.throttle.core.username-parameter=username",
			"cas.authn.throttle.failure.threshold=1", "cas.authn.throttle.failure.range-seconds=300")
	}
	return strings.Join(lines, "\n") + "\n"
}
