-- What the tables of schema.sql hold when the requests come; ids count from 1 in this order.
INSERT INTO users (email, name) VALUES
    ('ada@example.com', 'Ada'),
    ('grace@example.com', 'Grace'),
    ('edgar@example.com', 'Edgar'),
    ('barbara@example.com', 'Barbara');

INSERT INTO agents (name, instructions) VALUES
    ('Scout', 'Search the knowledge base before you answer, and name the document.'),
    ('Clerk', 'Answer questions about invoices and credits. Never promise a refund.'),
    ('Medic', 'Help the engineer on call. Ask for the alert, then suggest one step at a time.'),
    ('Scribe', 'Summarise long conversations in five sentences or fewer.'),
    ('Pilot', 'Guide a deployment. Stop when a check fails.');

INSERT INTO conversations (user_id, agent_id, title) VALUES
    (1, 1, 'How large should our pool be?'),
    (2, 2, 'Invoice for October'),
    (3, 3, 'Alert: latency of the chat gateway'),
    (4, 4, 'Summary of the design review'),
    (1, 5, 'Rolling out the new embedding model'),
    (2, 1, 'Which retry policy do we use?'),
    (3, 2, 'Credits are gone too early'),
    (4, 3, 'Alert: replication lag'),
    (1, 4, 'Minutes of the incident review'),
    (2, 5, 'Canary for the prompt cache'),
    (3, 1, 'Rate limits of the public API'),
    (4, 2, 'Changing the plan in mid-month'),
    (1, 3, 'Alert: queue grows at night'),
    (2, 4, 'Digest of the support inbox'),
    (3, 5, 'Migration of the messages table'),
    (4, 1, 'Where are tool calls logged?'),
    (1, 2, 'Two charges for one call'),
    (2, 3, 'Alert: connections run out'),
    (3, 4, 'Handover to the next shift'),
    (4, 5, 'Rolling back release 41');

-- Every conversation has begun: its title is what the user asked first.
INSERT INTO messages (conversation_id, role, content)
SELECT id, role, content
FROM conversations,
     LATERAL (VALUES ('user', title), ('assistant', 'Let me look that up for you.')) AS first (role, content)
ORDER BY id, role DESC;

-- A budget an agent, in the order of the agents, and the reserve that all of them pay into.
INSERT INTO accounts (owner, balance) VALUES
    ('Scout', 1000),
    ('Clerk', 1000),
    ('Medic', 1000),
    ('Scribe', 1000),
    ('Pilot', 1000),
    ('Reserve', 0);
