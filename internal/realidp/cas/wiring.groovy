// What stands between Apereo CAS and a login by password or code in the tests.
//
// CAS's own: the webflow, its views, tickets, OAuth, mail, the repository and the handler of
// one-time tokens, all of them from their published modules. Written here: who there is (a
// file that a test writes), and the few states that lead from view to view, because the module
// that holds CAS's own states (cas-server-support-passwordless-webflow) could not be had from the
// registry. What a page looks like, how a flow is kept and what an answer's status is remain CAS's.
//
// System properties: realidp.people (JSON: address → email, name, id, password, state),
// realidp.code.seconds, and realidp.one.page (identifier and password together, no code).
import com.fasterxml.jackson.databind.ObjectMapper
import org.apereo.cas.api.PasswordlessAuthenticationRequest
import org.apereo.cas.api.PasswordlessUserAccount
import org.apereo.cas.authentication.AuthenticationEventExecutionPlan
import org.apereo.cas.authentication.AuthenticationEventExecutionPlanConfigurer
import org.apereo.cas.authentication.PasswordlessTokenAuthenticationHandler
import org.apereo.cas.authentication.credential.OneTimePasswordCredential
import org.apereo.cas.authentication.exceptions.AccountDisabledException
import org.apereo.cas.authentication.handler.support.AbstractUsernamePasswordAuthenticationHandler
import org.apereo.cas.impl.token.InMemoryPasswordlessTokenRepository
import org.apereo.cas.impl.token.PasswordlessTokenCipherExecutor
import org.apereo.cas.notifications.mail.EmailMessageRequest
import org.apereo.cas.services.*
import org.apereo.cas.support.oauth.services.OAuthRegisteredService
import org.apereo.cas.web.flow.CasWebflowExecutionPlan
import org.apereo.cas.web.flow.CasWebflowExecutionPlanConfigurer
import org.apereo.cas.web.flow.configurer.AbstractCasWebflowConfigurer
import org.apereo.cas.web.support.WebUtils
import org.apereo.cas.configuration.CasConfigurationProperties
import org.springframework.context.ApplicationContext
import org.springframework.context.ApplicationContextAware
import org.apereo.inspektr.common.web.ClientInfoExtractionOptions
import org.apereo.inspektr.common.web.ClientInfoThreadLocalFilter
import org.springframework.boot.web.servlet.FilterRegistrationBean
import org.springframework.web.servlet.i18n.SessionLocaleResolver
import org.springframework.webflow.execution.Action
import org.springframework.webflow.execution.Event
import org.springframework.webflow.execution.RequestContext

class People {
    static Map<String, Map> read() {
        def f = new File(System.getProperty('realidp.people'))
        new ObjectMapper().readValue(f, Map)
    }
}

class Passwords extends AbstractUsernamePasswordAuthenticationHandler {
    Passwords(servicesManager, principalFactory) { super('people', servicesManager, principalFactory, 1) }

    @Override
    protected org.apereo.cas.authentication.AuthenticationHandlerExecutionResult authenticateUsernamePasswordInternal(
            org.apereo.cas.authentication.credential.UsernamePasswordCredential c, String original) {
        def p = People.read()[c.username]
        if (!p || !p.password || !Arrays.equals(c.password, ((String) p.password).toCharArray())) throw new javax.security.auth.login.FailedLoginException()
        switch (p.state) {
            case 'disabled': throw new AccountDisabledException()
            case 'locked': throw new javax.security.auth.login.AccountLockedException()
            case 'expired': throw new javax.security.auth.login.CredentialExpiredException()
        }
        createHandlerResult(c, principalFactory.createPrincipal((String) p.id, [displayName: [p.name ?: ''], email: [p.email], interrupt: [p.state == 'interrupt' ? 'yes' : 'no']]))
    }
}

class Handlers implements AuthenticationEventExecutionPlanConfigurer {
    def servicesManager, principalFactory, tokens
    @Override
    void configureAuthenticationExecutionPlan(AuthenticationEventExecutionPlan plan) {
        plan.registerAuthenticationHandler(new Passwords(servicesManager, principalFactory))
        plan.registerAuthenticationHandler(new PasswordlessTokenAuthenticationHandler('tokens', servicesManager, principalFactory, 2, tokens))
    }
}

class PasswordlessFlow extends AbstractCasWebflowConfigurer {
    def tokens, mail, auth
    PasswordlessFlow(a, b, c, d) { super(a, b, c, d) }

    private Action does(Closure c) { { ctx -> new Event(this, (String) c(ctx)) } as Action }

    @Override
    protected void doInitialize() {
        def flow = loginFlow
        def init = getState(flow, 'initializeLoginForm')
        def passwordPage = init.getTransition('success').targetStateId
        def afterLogin = getState(flow, 'realSubmit').getTransition('success').targetStateId
        if (Boolean.getBoolean('realidp.one.page')) return
        createTransitionForState(init, 'success', 'passwordlessWho', true)
        def who = createViewState(flow, 'passwordlessWho', 'passwordless/casPasswordlessGetUserIdView')
        createTransitionForState(who, 'submit', 'passwordlessLookUp')
        def lookUp = createActionState(flow, 'passwordlessLookUp', does { ctx ->
            def name = ctx.requestParameters.getRequired('username')
            def p = People.read()[name]
            if (!p) { WebUtils.addErrorMessageToContext(ctx, 'passwordless.error.unknown.user'); return 'error' }
            ctx.flowScope.put('passwordlessAccount', new PasswordlessUserAccount(username: name, email: p.email, name: p.name, requestPassword: !!p.password, allowSelectionMenu: !!p.password))
            ctx.flowScope.put('passwordlessAuthenticationEnabled', true)
            p.password ? 'menu' : 'mail'
        })
        createTransitionForState(lookUp, 'error', 'passwordlessWho')
        createTransitionForState(lookUp, 'menu', 'passwordlessMenu')
        createTransitionForState(lookUp, 'mail', 'passwordlessMail')
        def menu = createViewState(flow, 'passwordlessMenu', 'passwordless/casPasswordlessSelectionMenuView')
        createTransitionForState(menu, 'submit', 'passwordlessChoose')
        def choose = createActionState(flow, 'passwordlessChoose', does { ctx -> ctx.requestParameters.getRequired('selection') })
        createTransitionForState(choose, 'PASSWORD', passwordPage)
        createTransitionForState(choose, 'TOKEN', 'passwordlessMail')
        def mailing = createActionState(flow, 'passwordlessMail', does { ctx ->
            def a = ctx.flowScope.get('passwordlessAccount')
            def r = new PasswordlessAuthenticationRequest(a.username, a.username)
            def t = tokens.createToken(a, r)
            mail.email(EmailMessageRequest.builder().emailProperties(casProperties.authn.passwordless.tokens.mail)
                .to([a.email]).body(t.token + '\n').locale(Locale.FRENCH).build())
            tokens.deleteTokens(a.username)
            tokens.saveToken(a, r, t)
            'success'
        })
        createTransitionForState(mailing, 'success', 'passwordlessToken')
        def page = createViewState(flow, 'passwordlessToken', 'passwordless/casPasswordlessDisplayView')
        createTransitionForState(page, 'submit', 'passwordlessCheck')
        def check = createActionState(flow, 'passwordlessCheck', does { ctx ->
            def a = ctx.flowScope.get('passwordlessAccount')
            try {
                def given = ctx.requestParameters.getRequired('token')
                def t = tokens.findToken(a.username).filter { it.token == given }.orElseThrow { new IllegalArgumentException('wrong') }
                def credential = new OneTimePasswordCredential(a.username, t.token)
                def service = WebUtils.getService(ctx)
                def builder = auth.handleInitialAuthenticationTransaction(service, credential)
                WebUtils.putAuthenticationResultBuilder(builder, ctx)
                def result = auth.finalizeAllAuthenticationTransactions(builder, service)
                tokens.deleteToken(t)
                WebUtils.putAuthenticationResult(result, ctx)
                WebUtils.putAuthentication(result.authentication, ctx)
                WebUtils.putCredential(ctx, credential)
                return 'success'
            } catch (Throwable e) {
                ctx.flashScope.put('error', e)
                return 'authenticationFailure'
            }
        })
        createTransitionForState(check, 'success', afterLogin)
        createTransitionForState(check, 'authenticationFailure', 'passwordlessToken')
    }
}

class FlowPlan implements CasWebflowExecutionPlanConfigurer, ApplicationContextAware {
    ApplicationContext applicationContext
    @Override
    void configureWebflowExecutionPlan(CasWebflowExecutionPlan plan) {
        def bean = { applicationContext.getBean(it) }
        def f = new PasswordlessFlow(bean('flowBuilderServices'), bean('flowDefinitionRegistry'), applicationContext, bean(CasConfigurationProperties))
        f.tokens = bean('realidpTokens'); f.mail = bean('communicationsManager'); f.auth = bean('defaultAuthenticationSystemSupport')
        plan.registerWebflowConfigurer(f)
    }
}

class Services extends ArrayList<RegisteredService> {
    // What stands in the way of a login at a service of its own: the path is its name.
    def steps = [terms: [acceptableUsagePolicy: new DefaultRegisteredServiceAcceptableUsagePolicy()],
        factor: [multifactorAuthenticationPolicy: new DefaultRegisteredServiceMultifactorPolicy(multifactorAuthenticationProviders: ['mfa-simple'] as HashSet)],
        consent: [:]]

    Services() {
        add(new CasRegisteredService(plain(id: 1, name: 'exam', serviceId: 'https://evaluation\\.example/.*')))
        add(new OAuthRegisteredService(client(id: 2, clientId: 'portillon', bypassApprovalPrompt: true)))
        add(new OAuthRegisteredService(client(id: 3, clientId: 'approval', bypassApprovalPrompt: false)))
        steps.eachWithIndex { name, more, i ->
            add(new CasRegisteredService(plain(id: 10 + i, name: name, serviceId: 'https://' + name + '\\.example/.*') + more))
        }
        find { it.name == 'consent' }.attributeReleasePolicy.consentPolicy = new org.apereo.cas.services.consent.DefaultRegisteredServiceConsentPolicy(status: org.apereo.cas.configuration.support.TriStateBoolean.TRUE)
    }

    static Map plain(Map more) {
        [acceptableUsagePolicy: new DefaultRegisteredServiceAcceptableUsagePolicy(enabled: false), attributeReleasePolicy: new ReturnAllAttributeReleasePolicy(
            consentPolicy: new org.apereo.cas.services.consent.DefaultRegisteredServiceConsentPolicy(status: org.apereo.cas.configuration.support.TriStateBoolean.FALSE))] + more
    }

    static Map client(Map more) {
        plain([serviceId: 'https://portillon\\.example/.*', name: more.clientId, supportedGrantTypes: ['authorization_code', 'refresh_token'] as HashSet,
            supportedResponseTypes: ['code'] as HashSet] + more)
    }
}

// That of 7.0 makes its cookie in a way that 7.2 does not know any more. Nobody gets past an interrupt here.
class NeverInterrupted implements org.apereo.cas.interrupt.InterruptTrackingEngine {
    void trackInterrupt(RequestContext c, org.apereo.cas.interrupt.InterruptResponse r) {}
    Optional forCurrentRequest(RequestContext c) { Optional.empty() }
    boolean isInterrupted(RequestContext c) { false }
}

// Modules of 7.0 know this registry by another name.
class OldName implements org.springframework.beans.factory.FactoryBean {
    def registry
    Object getObject() { registry }
    Class getObjectType() { org.springframework.webflow.definition.registry.FlowDefinitionRegistry }
}

beans {
    interruptTrackingEngine(NeverInterrupted)
    loginFlowRegistry(OldName) { registry = ref('flowDefinitionRegistry') }
    localeResolver(SessionLocaleResolver) { defaultLocale = Locale.FRENCH }
    realidpClientInfo(ClientInfoThreadLocalFilter, ClientInfoExtractionOptions.builder().build(), ref('tenantExtractor'))
    realidpClientInfoFirst(FilterRegistrationBean) {
        // after the filter that says what a form's bytes mean
        filter = ref('realidpClientInfo'); order = Integer.MIN_VALUE + 100; urlPatterns = ['/*']
    }
    inMemoryRegisteredServices(Services)
    realidpTokenCipher(PasswordlessTokenCipherExecutor, '', '', 'A128CBC-HS256', 512, 256)
    realidpTokens(InMemoryPasswordlessTokenRepository, Long.getLong('realidp.code.seconds', 180), ref('realidpTokenCipher'))
    realidpHandlers(Handlers) { servicesManager = ref('servicesManager'); principalFactory = ref('principalFactory'); tokens = ref('realidpTokens') }
    realidpPlan(FlowPlan)
}
