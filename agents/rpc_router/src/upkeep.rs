//! What happens by itself: origins that fell silent, sessions that nobody came back to.

use skep_agent::{Ctx, StoreError};
use skep_packet::{Address, Scope, Token};

use crate::{
    RpcRouter,
    answers::{end, lost},
    request::OriginState,
};

/// Origins of one request that are lost, each with the reason.
type Overdue = (String, Token, Vec<(Address, &'static str)>);

impl RpcRouter {
    pub(crate) async fn upkeep(&mut self, ctx: &Ctx<Self>) -> Result<(), StoreError> {
        let now_ns = ctx.now().mono_ns;
        for id in self.sessions.expired(now_ns) {
            self.sessions.delete(ctx, &id).await?;
        }
        for (id, token, origins) in self.overdue(ctx) {
            let Some(session) = self.sessions.get(&id) else {
                continue;
            };
            let end_of = |(origin, why): (Address, &str)| {
                let callback = lost(ctx, &id, &token, &origin, why);
                (origin, OriginState::Lost, vec![callback])
            };
            let ends = origins.into_iter().map(end_of).collect();
            end(ctx, session, &id, &token, ends).await?;
        }
        Ok(())
    }

    fn overdue(&mut self, ctx: &Ctx<Self>) -> Vec<Overdue> {
        let now_ns = ctx.now().mono_ns;
        let mut overdue = Vec::new();
        for (id, session) in self.sessions.iter_mut() {
            let open = session
                .requests
                .iter_mut()
                .filter(|(_, request)| request.is_open());
            for (token, request) in open {
                let serving = ctx.endpoints(&request.service, Scope::Swarm);
                let origins = request.overdue(now_ns, &serving);
                if !origins.is_empty() {
                    overdue.push((id.clone(), token.clone(), origins));
                }
            }
        }
        overdue
    }
}
