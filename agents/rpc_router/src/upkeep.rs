//! What happens by itself: origins that fell silent, sessions that nobody came back to.

use skep_agent::{Ctx, StoreError};
use skep_packet::{Address, Scope, Token};

use crate::{
    RpcRouter,
    answers::{end, lost},
    request::OriginState,
};

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
            let why = "nothing came from it, or it serves the role no more";
            let end_of = |origin: Address| {
                let callback = lost(ctx, &id, &token, &origin, why);
                (origin, OriginState::Lost, vec![callback])
            };
            let ends = origins.into_iter().map(end_of).collect();
            end(ctx, session, &id, &token, ends).await?;
        }
        Ok(())
    }

    fn overdue(&mut self, ctx: &Ctx<Self>) -> Vec<(String, Token, Vec<Address>)> {
        let now_ns = ctx.now().mono_ns;
        let mut overdue = Vec::new();
        for (id, session) in self.sessions.iter_mut() {
            let open = session
                .requests
                .iter_mut()
                .filter(|(_, request)| request.is_open());
            for (token, request) in open {
                let endpoints = ctx.endpoints(&request.service, Scope::Swarm);
                let serving: Vec<Address> = endpoints
                    .into_iter()
                    .map(|endpoint| endpoint.address)
                    .collect();
                let origins = request.overdue(now_ns, &serving);
                if !origins.is_empty() {
                    overdue.push((id.clone(), token.clone(), origins));
                }
            }
        }
        overdue
    }
}
